"""Asks an exported model for neighbours with TensorFlow alone, as a server would.

Run it by its path, so that neither keras nor tfmetric is imported:
``python asked_without_keras.py VERSION_DIRECTORY INPUTS.json K ANSWERS.json``, where the inputs are
lists of numbers or texts by the name of each input.
"""

import json
import sys


def main(directory, inputs, k, answers):
    """Loads the SavedModel, searches, and writes the result of its ``search`` signature."""
    # From here on importing either raises an error; TensorFlow would import Keras otherwise.
    sys.modules["keras"] = sys.modules["tfmetric"] = None
    import tensorflow as tf

    search = tf.saved_model.load(directory).signatures["search"]
    specs = search.structured_input_signature[1]
    with open(inputs, encoding="utf-8") as file:
        asked = {
            name: tf.constant(rows, specs[name].dtype) for name, rows in json.load(file).items()
        }
    found = search(**asked, k=tf.constant(int(k)))
    found = {name: value.numpy() for name, value in found.items()}
    with open(answers, "w", encoding="utf-8") as file:
        # Decodes strings from bytes in nested lists.
        json.dump(
            {name: value.tolist() for name, value in found.items()}, file, default=bytes.decode
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

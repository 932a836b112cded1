"""The one order of axes that the layers on images here know."""

import keras

from tfmetric._errors import expected


def check_channels_last() -> None:
    """Says so if Keras is set to images (B, C, H, W), which would be taken for (B, H, W, C)."""
    found = keras.config.image_data_format()
    if found != "channels_last":
        raise ValueError(
            expected(
                "the image data format 'channels_last' (keras.config.set_image_data_format)",
                image_data_format=found,
            )
        )

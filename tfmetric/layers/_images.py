"""Checks the order of axes that the layers on images need."""

import keras

from tfmetric._errors import expected


def check_channels_last() -> None:
    """Raises ValueError if Keras is set to (B, C, H, W), which would be read as (B, H, W, C)."""
    found = keras.config.image_data_format()
    if found != "channels_last":
        raise ValueError(
            expected(
                "the image data format 'channels_last' (keras.config.set_image_data_format)",
                image_data_format=found,
            )
        )

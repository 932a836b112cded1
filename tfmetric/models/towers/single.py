"""The towers of the kinds without fields."""

from tfmetric.models.towers import audio, image, sequence, text, vector, video

SINGLE = {
    "image": image.tower,
    "text": text.tower,
    "audio": audio.tower,
    "vector": vector.tower,
    "sequence": sequence.tower,
    "video": video.tower,
}

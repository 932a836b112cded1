"""The margin search: trials of Keras Tuner, judged on data that training does not see."""

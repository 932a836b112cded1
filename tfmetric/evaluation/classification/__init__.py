"""Classification by neighbours, class means and a few labelled shots."""

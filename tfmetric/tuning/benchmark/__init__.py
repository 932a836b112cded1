"""The benchmark: losses compared with equal budgets, several seeds and folds of the classes."""

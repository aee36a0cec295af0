"""After the fraction: trends, errors of a population, margins, what other protocols would have left."""

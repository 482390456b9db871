"""Published measurements, one CSV a campaign: label, metric, parameters, value, unit, source."""

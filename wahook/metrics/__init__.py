"""What the service counts and measures, in the text format that Prometheus reads."""

from wahook.metrics.exposition import Family, Kind, Sample, render
from wahook.metrics.meters import Counter, Histogram, Meters

__all__ = ["Counter", "Family", "Histogram", "Kind", "Meters", "Sample", "render"]

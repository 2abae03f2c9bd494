"""Scores boxes in MOTChallenge's format with PyPI's motmetrics: a second opinion on vision's own scoring.

Usage: motmetrics_score.py TRUTH TOLD FRAME,FRAME,…: those frames are scored. Prints one JSON object: MOTA and IDF1 in
per cent.
"""

import json
import sys
from collections import defaultdict

import motmetrics
import numpy


def read(file, scored, only_counted):
    """Scored frames: lists of (number, [left, top, width, height])."""
    frames = defaultdict(list)
    with open(file, encoding="ascii") as rows:
        for row in filter(str.strip, rows):
            fields = [float(field) for field in row.split(",")]
            is_counted = len(fields) < 7 or fields[6] != 0
            if int(fields[0]) in scored and (is_counted or not only_counted):
                frames[int(fields[0])].append((int(fields[1]), fields[2:6]))
    return frames


def main():
    truth_file, told_file, frames = sys.argv[1:4]
    scored = {int(frame) for frame in frames.split(",")}
    truth = read(truth_file, scored, only_counted=True)
    told = read(told_file, scored, only_counted=False)
    matches = motmetrics.MOTAccumulator(auto_id=True)
    for frame in sorted(truth.keys() | told.keys()):
        there, said = truth[frame], told[frame]
        boxes = [numpy.array([box for _, box in side]).reshape(-1, 4) for side in (there, said)]
        distances = motmetrics.distances.iou_matrix(*boxes, max_iou=0.5)
        matches.update([number for number, _ in there], [number for number, _ in said], distances)
    names = ["mota", "idf1", "num_misses", "num_false_positives", "num_switches"]
    figures = motmetrics.metrics.create().compute(matches, metrics=names, name="all").loc["all"]
    print(
        json.dumps(
            {
                "mota": 100 * float(figures["mota"]),
                "idf1": 100 * float(figures["idf1"]),
                "misses": int(figures["num_misses"]),
                "false_alarms": int(figures["num_false_positives"]),
                "switches": int(figures["num_switches"]),
            }
        )
    )


main()

#!/usr/bin/env bash
set -euo pipefail
mkdir -p work
echo "[1/2] prepare"
python prepare.py raw.csv work/train.csv
echo "[2/2] train"
python train.py --input work/train.csv > work/train.log
tail -n 1 work/train.log
wc -l work/train.csv

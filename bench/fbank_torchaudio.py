#!/usr/bin/env python3
"""How fast torchaudio.compliance.kaldi.fbank computes wespeaker's features on one thread; the peer of EcapaIlgpu.Features.Fbank.

Needs torchaudio (Debian: apt-get install python3-torchaudio). Prints one line of JSON.
"""
import argparse
import json
import statistics
import time

import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the signal")
    parser.add_argument("--repeats", type=int, default=11, help="calls timed; the median counts")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(1)
    # int16 scale, as wespeaker hands it over.
    signal = (torch.rand(1, int(args.seconds * 16000)) * 2 - 1) * 8000

    def fbank():
        return kaldi.fbank(signal, num_mel_bins=80, frame_length=25, frame_shift=10, sample_frequency=16000, window_type="hamming")

    fbank()
    milliseconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        fbank()
        milliseconds.append((time.perf_counter() - start) * 1000)
    median = statistics.median(milliseconds)
    print(json.dumps({
        "peer": f"torchaudio {torchaudio.__version__}, torch {torch.__version__}, 1 thread",
        "seconds_of_audio": args.seconds,
        "ms": round(median, 3),
        "audio_s_per_s": round(args.seconds * 1000 / median, 1),
    }))


if __name__ == "__main__":
    main()

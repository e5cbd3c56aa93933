#!/usr/bin/env python3
"""The peer from audio on: torchaudio's Kaldi filterbank, mean normalisation and wespeaker's network in PyTorch, from 16-bit
samples in memory (--input pcm) or from WAV files in the page cache (--input files).

Takes the network and the cases from the peer script (--peer, shared/peers/torch_ecapa.py) and prints JSON lines with its
fields and one more, `input`. The features are computed on the device, utterance by utterance, as wespeaker's own extraction
does; equal lengths then go through the network as one batch, mixed ones one by one (exact) and in sorted, zero-padded
batches of 32 (inexact). Needs torch and torchaudio (Debian: python3-torch python3-torchaudio).

  bench/torch_from_audio.py --device cpu --threads 2 --input pcm --cases 1x200,8x300,mixed
"""
import argparse
import importlib.util
import json
import pathlib
import tempfile
import wave

import numpy
import torch
import torch.nn.functional as F
import torchaudio
import torchaudio.compliance.kaldi as kaldi

PEER = pathlib.Path(__file__).resolve().parent.parent.parent / "shared" / "peers" / "torch_ecapa.py"
WINDOW, SHIFT, RATE = 400, 160, 16000


def load_peer(path):
    spec = importlib.util.spec_from_file_location("torch_ecapa", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def case_lengths(case, cuda):
    if case != "mixed":
        utterances, frames = map(int, case.split("x"))
        return [frames] * utterances
    # The peer's own draw, so that all programs do the same work.
    generator = torch.Generator().manual_seed(7)
    return torch.randint(100, 1601, (256 if cuda else 32,), generator=generator).tolist()


def noise(lengths):
    generator = numpy.random.default_rng(1)
    return [generator.integers(-8000, 8000, WINDOW + (frames - 1) * SHIFT, dtype=numpy.int16) for frames in lengths]


def write_wavs(folder, signals):
    paths = []
    for i, samples in enumerate(signals):
        path = f"{folder}/{i:04d}.wav"
        with wave.open(path, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        paths.append(path)
    return paths


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--input", choices=["pcm", "files"], default="pcm")
    p.add_argument("--channels", default="512,1024")
    p.add_argument("--modes", default="fp32")
    p.add_argument("--cases", default="1x200,8x300,64x200,256x300,mixed")
    p.add_argument("--seconds", type=float, default=2.0)
    p.add_argument("--peer", type=pathlib.Path, default=PEER)
    a = p.parse_args()
    peer = load_peer(a.peer)
    if a.threads:
        torch.set_num_threads(a.threads)
    cuda = a.device.startswith("cuda")
    sync = torch.cuda.synchronize if cuda else (lambda: None)
    torch.set_grad_enabled(False)

    def read(item):
        # 16-bit scale, as wespeaker hands it to the filterbank.
        samples = torchaudio.load(item)[0] * 32768 if isinstance(item, str) else torch.from_numpy(item).unsqueeze(0)
        return samples.to(a.device).float()

    def features(item, dtype):
        rows = kaldi.fbank(
            read(item), num_mel_bins=80, frame_length=25, frame_shift=10, sample_frequency=RATE, window_type="hamming", dither=0.0)
        return (rows - rows.mean(0)).to(dtype)

    for channels in map(int, a.channels.split(",")):
        for mode in a.modes.split(","):
            if cuda:
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = mode != "fp32"
            dtype = torch.bfloat16 if "bf16" in mode else torch.float16 if "fp16" in mode else torch.float32
            model = peer.Ecapa(channels).eval().to(a.device).to(dtype)
            run = torch.compile(model, mode="max-autotune") if mode.startswith("compile") else model

            def together(items):
                return run(torch.stack([features(item, dtype) for item in items]))

            def one_by_one(items):
                return [run(features(item, dtype).unsqueeze(0)) for item in items]

            def padded(items):
                rows = sorted((features(item, dtype) for item in items), key=len)
                groups = [rows[i:i + 32] for i in range(0, len(rows), 32)]
                return [run(torch.stack([F.pad(x, (0, 0, 0, len(group[-1]) - len(x))) for x in group])) for group in groups]

            for case in a.cases.split(","):
                if case == "mixed" and mode.startswith("compile"):
                    continue  # recompiles for every length
                lengths = case_lengths(case, cuda)
                frames = sum(lengths)
                ways = {" one-by-one": one_by_one, " zero-padded (inexact)": padded} if case == "mixed" else {"": together}
                with tempfile.TemporaryDirectory() as folder:
                    signals = noise(lengths)
                    items = write_wavs(folder, signals) if a.input == "files" else signals
                    for note, way in ways.items():
                        seconds = peer.timed(lambda: way(items), sync, a.seconds)
                        per_frame, per_utterance = peer.MACS[channels]
                        print(json.dumps({
                            "peer": f"torch {torch.__version__}, torchaudio {torchaudio.__version__}", "mode": mode + note,
                            "input": a.input, "model": f"GLOB_c{channels}", "batch": len(lengths),
                            "frames": "100..1600" if case == "mixed" else lengths[0], "ms": round(seconds * 1e3, 4),
                            "audio_s_per_s": round(frames / 100 / seconds, 1),
                            "tflops": round(2 * (per_frame * frames + per_utterance * len(lengths)) / seconds / 1e12, 3),
                        }), flush=True)


if __name__ == "__main__":
    main()

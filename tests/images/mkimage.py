#!/usr/bin/env python3
"""mkimage.py NAME:TAG OUT.tar --root DIR [--root DIR …] [--entrypoint A | '["A","-b"]'] [--user U] …

A container image (docker-archive) from directories, one layer each, without a daemon and without root.
The same directories give the same bytes: names are sorted, times are zero, everything belongs to root.
`crane push` and `ctr images import` read it."""

import argparse
import gzip
import hashlib
import io
import json
import os
import tarfile

CHUNK = 1 << 20


def words(value):
    """One word, or a JSON list of words."""
    return json.loads(value) if value.startswith("[") else [value]


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("name")
    parser.add_argument("out")
    parser.add_argument("--root", action="append", required=True)
    parser.add_argument("--entrypoint", type=words, default=[])
    parser.add_argument("--user", default="65532:65532")
    parser.add_argument("--env", action="append", default=["PATH=/usr/local/bin:/usr/bin:/bin"])
    parser.add_argument("--label", action="append", default=[])
    parser.add_argument("--gzip", type=int, default=6, help="level, 0 stores layers uncompressed")
    return parser.parse_args()


def neutral(entry):
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def write_tar(root, path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for folder, folders, files in os.walk(root):
            folders.sort()
            for name in sorted(files + folders):
                member = os.path.join(folder, name)
                tar.add(member, os.path.relpath(member, root), recursive=False, filter=neutral)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def compress(path, level):
    packed = path + ".gz"
    with open(path, "rb") as source, open(packed, "wb") as raw:
        with gzip.GzipFile("", "wb", level, raw, mtime=0) as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
    os.replace(packed, path)


def main():
    args = arguments()
    diff_ids, layers = [], []
    for index, root in enumerate(args.root):
        path = f"{args.out}.layer{index}"
        write_tar(root, path)
        diff_ids.append("sha256:" + sha256(path))
        if args.gzip:
            compress(path, args.gzip)
        layers.append((path, sha256(path) + (".tar.gz" if args.gzip else ".tar")))
    epoch = "1970-01-01T00:00:00Z"
    config = json.dumps({
        "architecture": "amd64",
        "os": "linux",
        "created": epoch,
        "config": {
            "User": args.user,
            "Env": args.env,
            "Entrypoint": args.entrypoint or None,
            "WorkingDir": "/",
            "Labels": dict(label.split("=", 1) for label in args.label),
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": epoch, "created_by": "mkimage.py"} for _ in layers],
    }, sort_keys=True).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{
        "Config": config_name,
        "RepoTags": [args.name],
        "Layers": [name for _, name in layers],
    }]).encode()
    with tarfile.open(args.out, "w") as tar:
        for name, data in ((config_name, config), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for path, name in layers:
            tar.add(path, name, filter=neutral)
            os.remove(path)


main()

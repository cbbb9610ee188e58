"""Writes the OCI layout of the image in testdata/tables/plain: plain.py DIR."""

import hashlib
import io
import json
import os
import random
import sys
import tarfile

out = sys.argv[1]
os.makedirs(out + "/blobs/sha256")
random_bytes = random.Random(7)
DIR = tarfile.DIRTYPE


def digest(text):
    return "sha256:" + hashlib.sha256(text).hexdigest()


def put(text):
    with open(out + "/blobs/sha256/" + digest(text)[7:], "wb") as f:
        f.write(text)
    return {"digest": digest(text), "size": len(text)}


def layer(fill):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=tarfile.PAX_FORMAT) as t:
        fill(t)
    return f.getvalue()


def add(t, name, kind=tarfile.REGTYPE, data=b"", mode=0o644, uid=0, gid=0,
        mtime=1700000000, link="", xattrs=None, device=(0, 0)):
    i = tarfile.TarInfo(name)
    i.type, i.mode, i.uid, i.gid, i.mtime = kind, mode, uid, gid, mtime
    i.linkname, i.size = link, len(data)
    i.devmajor, i.devminor = device
    i.pax_headers = {"SCHILY.xattr." + k: v for k, v in (xattrs or {}).items()}
    t.addfile(i, io.BytesIO(data))


big = bytes(random_bytes.randrange(32, 127) for _ in range(12000))
holes = big[:3000] + bytes(40000) + big[3000:6000]


def one(t):
    add(t, "./", DIR, mode=0o755)
    add(t, "./etc/", DIR, mode=0o755)
    add(t, "./etc/passwd", data=b"root:x:0:0::/:/bin/sh\n")
    add(t, "./etc/empty")
    add(t, "./bin/", DIR, mode=0o1777)
    add(t, "./bin/su", data=b"#!su" * 40, mode=0o4755, xattrs={
        "user.note": "hello", "security.selinux": "system_u:object_r:bin_t"})
    add(t, "./bin/su2", tarfile.LNKTYPE, link="./bin/su", mode=0o4755)
    add(t, "./bin/sh", tarfile.SYMTYPE, link="su", mode=0o777)
    add(t, "./big", data=big, uid=1000, gid=1000000, mtime=0)
    add(t, "./holes", data=holes)
    add(t, "./dev/", DIR, mode=0o755)
    add(t, "./dev/null", tarfile.CHRTYPE, device=(1, 3), mode=0o666)
    add(t, "./dev/sda", tarfile.BLKTYPE, device=(8, 0), mode=0o660, gid=6)
    add(t, "./dev/pipe", tarfile.FIFOTYPE)
    add(t, "./a <&> \"ü\" " + "n" * 120, data=b"long name")
    add(t, "./same", data=b"same content\n" * 300)
    add(t, "./touched", data=b"touched\n" * 30)


def two(t):
    add(t, "./etc/.wh.passwd", mode=0)
    add(t, "./same", data=b"same content\n" * 300)
    add(t, "./touched", data=b"touched\n" * 30, mode=0o600)
    add(t, "./big", data=big[:-1] + b"!", uid=1000, gid=1000000, mtime=5)
    add(t, "./opaque/", DIR, mode=0o755)
    add(t, "./opaque/.wh..wh..opq", mode=0)
    add(t, "./opaque/x", data=b"x")


layers = [layer(one), layer(two)]
oci = "application/vnd.oci.image."
config = put(json.dumps({
    "architecture": "amd64", "os": "linux", "config": {}, "created": "2024-01-02T03:04:05Z",
    "rootfs": {"type": "layers", "diff_ids": [digest(text) for text in layers]},
    "history": [{"created_by": "one"}, {"created_by": "two"}]}).encode())
manifest = put(json.dumps({
    "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
    "config": {"mediaType": oci + "config.v1+json", **config},
    "layers": [{**put(text), "mediaType": oci + "layer.v1.tar"} for text in layers]}).encode())
with open(out + "/index.json", "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [{"mediaType": oci + "manifest.v1+json", **manifest}]}, f)
with open(out + "/oci-layout", "w") as f:
    f.write('{"imageLayoutVersion":"1.0.0"}')

"""What Python's own tarfile reads from an archive, one JSON line an entry; bytes are hex digits. usage: tar-entries.py FILE"""
import hashlib
import json
import sys
import tarfile

KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.LNKTYPE: "hardlink",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "character",
    tarfile.BLKTYPE: "block",
    tarfile.DIRTYPE: "directory",
    tarfile.FIFOTYPE: "fifo",
}


def raw(text):
    return text.encode("utf-8", "surrogateescape")


def attributes(member):
    named = []
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            name = key[len("SCHILY.xattr."):].replace("%3D", "=").replace("%25", "%")
            if not name.startswith("system.posix_acl_"):
                named.append((raw(name), raw(value)))
        elif key.startswith("SCHILY.acl."):
            named.append((raw(key[len("SCHILY."):]), raw(value)))
    if not named:
        return None
    pieces = [b"%d:%s," % (len(piece), piece) for pair in sorted(named) for piece in pair]
    return "sha256:" + hashlib.sha256(b"".join(pieces)).hexdigest()


with tarfile.open(sys.argv[1], "r:", encoding="utf-8", errors="surrogateescape") as archive:
    for member in archive:
        content = archive.extractfile(member).read() if member.isreg() else b""
        print(
            json.dumps(
                {
                    "kind": KINDS[member.type],
                    "path": raw(member.name).hex(),
                    "link": raw(member.linkname).hex(),
                    "mode": member.mode,
                    "uid": member.uid,
                    "gid": member.gid,
                    "sizeBytes": len(content),
                    "sha256": "sha256:" + hashlib.sha256(content).hexdigest(),
                    "device": [member.devmajor, member.devminor],
                    "xattrs": attributes(member),
                    "mtime": member.mtime,
                    "names": member.uname + member.gname,
                }
            )
        )

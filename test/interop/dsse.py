"""DSSE by somebody else's code: Debian's python3-securesystemslib signs and verifies, and the envelope is put together
here from the specification (github.com/secure-systems-lab/dsse, protocol.md) alone.

usage: dsse.py verify FILE PUBLIC-KEY-HEX
       dsse.py sign SEED-HEX PUBLIC-KEY-HEX < statement > envelope
"""
import base64
import hashlib
import json
import sys

from securesystemslib import keys
from securesystemslib.exceptions import CryptoError

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def pae(payload_type, body):
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def key(public, seed=""):
    value = {"public": public, "private": seed}
    # As that library names keys by itself: not by what we call an author.
    keyid = hashlib.sha256(json.dumps({"public": public}).encode()).hexdigest()
    return {"keytype": "ed25519", "scheme": "ed25519", "keyid": keyid, "keyval": value}


def verify(path, public):
    with open(path, encoding="utf-8") as file:
        envelope = json.load(file)
    body = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = envelope["signatures"]
    raw = base64.b64decode(signature["sig"], validate=True)
    signed = {"keyid": key(public)["keyid"], "sig": raw.hex()}
    if not keys.verify_signature(key(public), signed, pae(envelope["payloadType"], body)):
        sys.exit("the signature does not hold")
    sys.stdout.write(body.decode("utf-8"))


def sign(seed, public):
    body = sys.stdin.buffer.read()
    signed = keys.create_signature(key(public, seed), pae(PAYLOAD_TYPE, body))
    envelope = {
        "payload": base64.b64encode(body).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signed["keyid"], "sig": base64.b64encode(bytes.fromhex(signed["sig"])).decode()}],
    }
    json.dump(envelope, sys.stdout, indent=2)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        {"verify": verify, "sign": sign}[command](*arguments)
    except CryptoError as error:
        sys.exit(str(error))

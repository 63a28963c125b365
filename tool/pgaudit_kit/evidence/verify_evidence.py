#!/usr/bin/env python3
"""Checks a folder of evidence from an audit log. Needs Python 3.9 or later and nothing else.

    python3 -I verify_evidence.py FOLDER [--key VKEY]... [--witness VKEY]... [--quorum N]
                                         [--anchor NOTE]... [--origin NAME]... [--json]

Take the keys from somebody else than whoever gave you the folder. Exit codes: 0 everything holds,
1 something does not, 2 wrong usage, 4 it could not be established.

What is checked, from the bottom up (README.md in the folder says what that proves):

1. the SHA-256 of each line of events.jsonl is the one that its block lists;
2. the Merkle tree over a block's event hashes (RFC 6962) has the root that the block's header names;
3. each header names the SHA-256 of the header before it, so that no block is left out;
4. each header is a leaf of the log's tree (RFC 6962), whose size and root a checkpoint states;
5. the log of each checkpoint is the beginning of the next one's, and they are signed (Ed25519);
6. every file is as manifest.json says: a help against accidents, no proof.

The text goes the same way, from the primitives to the checks. No file is in memory as a whole.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
import time
from datetime import datetime
from hashlib import sha256

FORMAT = "pgaudit-kit/evidence/1"
LONGEST_LINE = 1 << 30  # an event; PostgreSQL has no longer values
LONGEST_OTHER = 16 << 20  # any other line, or small file
LISTED = 1000  # findings that are listed one by one

# --- Ed25519: verifying alone, as RFC 8032, section 5.1.7. Slow, some milliseconds each, and plain. ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def point(data):
    """Decode 32 bytes as a point (X, Y, Z, T), or None where they are none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_OF_MINUS_1 % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, p):
    total = (0, 1, 1, 0)
    while number:
        total = add(total, p) if number & 1 else total
        p, number = add(p, p), number >> 1
    return total


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519(public, signature, message):
    """Whether the key (32 bytes) made the signature (64 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    p, q = multiply(s, BASE), add(r, multiply(k, a))  # the same point, if it is genuine
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P


# --- Merkle trees: RFC 6962, section 2.1. Proofs stand in the order from the leaf to the root. -------


def leaf(data):
    return sha256(b"\x00" + data).digest()


def node(left, right):
    return sha256(b"\x01" + left + right).digest()


def split(size):
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def tree_root(data):
    """Root of the tree whose leaves are 32-byte pieces of the data."""
    level = [leaf(data[at : at + 32]) for at in range(0, len(data), 32)]
    while len(level) > 1:
        odd, pairs = level[-1:] if len(level) % 2 else [], iter(level)
        level = [node(left, right) for left, right in zip(pairs, pairs)] + odd
    return level[0] if level else sha256(b"").digest()


def root_with(one, index, size, proof):
    """The root that a tree of this size has if this leaf hash is at this index. Uses the proof up."""
    if size == 1:
        return one
    half, top = split(size), proof.pop()
    if index < half:
        return node(root_with(one, index, half, proof), top)
    return node(top, root_with(one, index - half, size - half, proof))


def roots_with(old, old_size, size, proof, whole=True):
    """The roots at both sizes if the old tree, which had the root `old`, is the new one's beginning."""
    if old_size == size:
        same = old if whole else proof.pop()
        return same, same
    half, top = split(size), proof.pop()
    if old_size <= half:
        left, right = roots_with(old, old_size, half, proof, whole)
        return left, node(right, top)
    left, right = roots_with(old, old_size - half, size - half, proof, False)
    return node(top, left), node(top, right)


def included(one, index, size, proof, root):
    """Whether the tree of this size and root has this leaf hash at this index."""
    rest = list(proof)
    try:
        return 0 <= index < size and len(one) == 32 and root_with(one, index, size, rest) == root and not rest
    except IndexError:
        return False  # too short


def begins(old_size, old_root, size, root, proof):
    """Whether the tree of the old size and root is the beginning of the other."""
    rest = list(proof)
    try:
        return (
            0 < old_size <= size
            and roots_with(old_root, old_size, size, rest) == (old_root, root)
            and not rest
        )
    except IndexError:
        return False


# --- Signed checkpoints: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature ---------------------


def unbase64(text):
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("base64 that is not in its one form")
    return value


class Key:
    """A public key from its text, name+id+base64(type || 32 bytes): type 1 signs, type 4 cosigns.

    Behind a space may stand the sizes of logs that it may sign, FROM-TO or FROM-; TO is the first it may not.
    """

    def __init__(self, text, kinds=(b"\x01", b"\x04")):
        text, _, sizes = text.strip().partition(" ")
        found = re.fullmatch("([0-9]{1,19})-([0-9]{0,19})", sizes or "0-")
        if not found:
            raise ValueError(f"{sizes[:50]!r} are no sizes of a log, as 0-5000")
        self.sizes = range(int(found[1]), int(found[2] or 10**19))
        parts = text.split("+", 2)
        value = unbase64(parts[2]) if len(parts) == 3 else b""
        self.name, self.kind, self.public = parts[0], value[:1], value[1:]
        self.id = sha256(self.name.encode() + b"\n" + value).digest()[:4]
        if len(value) != 33 or self.kind not in kinds or self.id.hex() != parts[1]:
            raise ValueError(f"{text[:100]!r} is no such public key, or its id is another key's")

    def signed_at(self, text, value):
        """When this key signed: 0 where a signature has no time, None where it is not a good one."""
        if self.kind == b"\x01":
            return 0 if ed25519(self.public, value, text.encode()) else None
        at = int.from_bytes(value[:8], "big")
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
        return at if at < 2**63 and ed25519(self.public, value[8:], message) else None


class Checkpoint:
    """A note: name, size and root of the log, an empty line, and signatures."""

    def __init__(self, data):
        whole = data.decode("utf-8")
        end = whole.rfind("\n\n") + 1
        self.text, lines = whole[:end], whole[:end].split("\n")
        if len(lines) < 4 or not whole.endswith("\n") or not re.fullmatch("[1-9][0-9]{0,18}", lines[1]):
            raise ValueError("not a signed checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2])
        self.signatures = []
        for line in whole[end + 1 : -1].split("\n")[:100]:
            found = re.fullmatch("\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)", line)
            if not found:
                raise ValueError(f"not a signature line: {line[:60]!r}")
            self.signatures.append((found[1], unbase64(found[2])))

    def signed_by(self, keys):
        """Times of those of the keys that signed; ValueError where a signature of one is not good."""
        found = {}
        for key in keys:
            for name, value in self.signatures:
                if (name, value[:4]) == (key.name, key.id):
                    found[key.id] = key.signed_at(self.text, value[4:])
                    if found[key.id] is None:
                        raise ValueError(f"the signature of {name}+{key.id.hex()} is not good")
        return list(found.values())


# --- Files, which may hold anything: what they cannot hold is a ValueError, what is not there Missing -


class Missing(Exception):
    """A file is not there, or is no plain file."""


# What a value of another type, or nested too deeply, raises somewhere below
UNEXPECTED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
UNEXPECTED += (RecursionError, OSError, MemoryError)


def number(text):
    if len(text) > 20:
        raise ValueError("a number too long to be one")
    return int(text)


def unique(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an entry that stands twice")
    return made


def parse(data, kind):
    try:
        value = json.loads(data, parse_int=number, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return need(value, kind)


def need(value, kind):
    if type(value) is not kind:
        raise ValueError(f"{kind.__name__} expected, found {type(value).__name__}")
    return value


def hashes(values):
    found = [bytes.fromhex(need(value, str)) for value in need(values, list)]
    if any(len(value) != 32 for value in found):
        raise ValueError("a hash has 32 bytes")
    return found


def opened(folder, name):
    path = os.path.join(folder, *name.split("/"))
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            return open(path, "rb")
    except (OSError, ValueError):
        pass
    raise Missing(f"{name} is missing, or cannot be read")


def small(folder, name):
    with opened(folder, name) as file:
        data = file.read(LONGEST_OTHER + 1)
    if len(data) > LONGEST_OTHER:
        raise ValueError(f"{name} is too long")
    return data


class Lines:
    """The lines of a file one after the other; `line` is the next one, None at the end."""

    def __init__(self, folder, name, limit=LONGEST_OTHER):
        self.name, self.file, self.limit, self.number = name, opened(folder, name), limit, 0
        self.take()

    def take(self):
        taken, self.number = getattr(self, "line", None), self.number + 1
        line = self.file.readline(self.limit + 1)
        if line and not line.endswith(b"\n"):
            raise ValueError(f"line {self.number} of {self.name} is cut off, or too long")
        self.line = line[:-1] if line else None
        return taken

    def take_json(self):
        """The line as a JSON object; None at the end."""
        try:
            return None if self.line is None else parse(self.line, dict)
        except ValueError as error:
            raise ValueError(f"line {self.number} of {self.name}: {error}") from None
        finally:
            self.take()


# --- The checks --------------------------------------------------------------------------------------

HEADER = (
    "v log_index tenant block_number prev_hash event_count first_event_id last_event_id merkle_root sealed_at"
).split()
EVENT = re.compile(
    rb'\{"v":1,"event_id":([0-9]{1,19}),"occurred_at":"[^"]*","transaction_id":[0-9]+,'
    rb'"tenant_id":("(?:[^"\\]|\\.)*"),.*\}',
    re.DOTALL,
)
COMMITMENT = re.compile(rb'"personal_commitment":(?:null|"([0-9a-f]{64})"),"row_xmin":(?:null|[0-9]+)\}')
RECORD_KEY = re.compile(rb'[^{]*"record_key":"sha256:([0-9a-f]{64})"')


class Check:
    """One run. `findings` are what does not hold, `unknown` what could not be established."""

    def __init__(self, folder, keys, witnesses, quorum, anchors, origins):
        self.folder, self.keys, self.witnesses = folder, keys, witnesses
        self.anchors, self.origins = anchors, origins
        self.quorum = max(quorum, 1 if witnesses else 0)
        self.findings, self.omitted, self.notes, self.unknown = [], 0, [], []
        self.events = self.blocks = self.withheld = self.openings = self.erased = 0
        self.first = self.last = None  # headers of the first and last block whose events are here
        self.integrity, self.bracket, self.checkpoints, self.cosigned = "self-consistent", None, [], []
        self.manifest, self.tenant, self.absent, self.erasures = {}, None, [], set()
        self.asked, self.covered, self.latest = set(), [None, None], None  # single events; a range's times

    def add(self, kind, message, block=None, event=None):
        if len(self.findings) < LISTED:
            found = {"kind": kind, "message": message, "block_number": block, "event_id": event}
            self.findings.append(found)
        else:
            self.omitted += 1

    def run(self):
        try:
            self.read_manifest()
        except (Missing, *UNEXPECTED) as error:
            self.unknown.append(f"There is no evidence to check: {said(error)}.")
            return
        for step in (self.read_checkpoints, self.read_chain, self.judge, self.check_files):
            try:
                step()
            except Missing as error:
                self.add("file-missing", said(error))
            except UNEXPECTED as error:
                self.add("file-malformed", said(error))

    def read_manifest(self):
        """What the folder claims to be. None of it is trusted; it only says what to look for."""
        made = self.manifest = parse(small(self.folder, "manifest.json"), dict)
        if made["format"] != FORMAT:
            raise ValueError("manifest.json is of another format")
        self.tenant, self.files = need(made["tenant"], str), need(made["files"], dict)
        salt = hashes([made["tenant_salt"]])[0]
        self.digest = sha256(salt + self.tenant.encode()).hexdigest()  # the tenant's name in headers
        # PostgreSQL escapes what Python does: quotes, backslashes and control characters
        self.in_line = json.dumps(self.tenant, ensure_ascii=False).encode()
        self.kind, self.counts, self.end = made["asked"]["kind"], made["counts"], made["last_block"]
        self.sizes = [need(size, int) for size in need(made["checkpoints"], list)]
        if self.kind not in ("all", "range", "events"):
            raise ValueError("manifest.json asks for something unknown")
        if self.kind == "events":
            self.asked = {need(event, int) for event in made["asked"]["event_ids"]}
        elif self.kind == "range":
            self.covered = [instant(made["asked"][end]) for end in ("from", "to")]

    def read_checkpoints(self):
        """Each is the beginning of the next, and each is signed."""
        for size in self.sizes:
            one = Checkpoint(small(self.folder, f"checkpoints/{size}.note"))
            if one.size != size or one.origin != (self.checkpoints or [one])[0].origin:
                self.add("checkpoint-size", f"checkpoints/{size}.note is another log's, or of another size")
            self.checkpoints.append(one)
        steps = parse(small(self.folder, "log/consistency.json"), list)
        proofs = {(step["from"], step["to"]): hashes(step["proof"]) for step in steps}
        if self.origins and any(one.origin not in self.origins for one in self.checkpoints):
            self.add("checkpoint-origin", "the checkpoints are of a log with another name")
        for old, new in zip(self.checkpoints, self.checkpoints[1:]):
            proof = proofs.get((old.size, new.size), [])
            if not begins(old.size, old.root, new.size, new.root, proof):
                message = f"the log of {old.size} blocks is not the beginning of that of {new.size}"
                self.add("checkpoint-consistency", message)
        if self.checkpoints:
            self.check_signatures()
        else:
            self.notes.append("The evidence is unsigned: there was no published checkpoint.")
            if self.keys or self.anchors or self.quorum:
                self.unknown.append("A signature was asked for, and the evidence has none.")

    def check_signatures(self):
        lines = small(self.folder, "keys").decode().split("\n")
        stated = [Key(line) for line in lines if line.strip() and not line.startswith("#")]
        keys = self.keys or [key for key in stated if key.kind == b"\x01"]
        good = bool(keys)
        for one in self.checkpoints:
            times = []
            try:
                if keys and not one.signed_by([key for key in keys if one.size in key.sizes]):
                    raise ValueError("no known key signed it")
                times = one.signed_by(self.witnesses)
            except ValueError as error:
                good = False
                self.add("checkpoint-signature", f"checkpoint of {one.size} blocks: {said(error)}")
            self.cosigned.append(times)
        if good and self.keys:
            self.integrity = "signed"
        elif good:
            names = ", ".join(f"{key.name}+{key.id.hex()}" for key in keys)
            self.notes.append(f"Signed by {names}, a key that came with the evidence: get it from elsewhere,")
            self.notes.append("and give it with --key. Until then the signature proves nothing.")
        elif not keys:
            self.notes.append("No signature was checked, since no key is known: give it with --key.")

    def read_chain(self):
        """All of the tenant's headers, and beside each its events and its place in the log."""
        headers, lists = Lines(self.folder, "blocks.jsonl"), Lines(self.folder, "block-events.jsonl")
        proofs = Lines(self.folder, "log/inclusion.jsonl")
        self.lines = Lines(self.folder, "events.jsonl", LONGEST_LINE)
        self.personal = Lines(self.folder, "personal.jsonl") if "personal.jsonl" in self.files else None
        if self.personal is None and self.manifest["asked"]["personal"]:
            self.add("file-missing", "personal values were asked for, and personal.jsonl is no file here")
        before, upcoming = None, self.next_list(lists)
        while headers.line is not None:
            text = headers.take()
            header = self.read_header(text)
            block = header["block_number"]
            self.check_link(before, header)
            self.check_place(text, header, proofs.take_json() or {})
            listed, upcoming = upcoming, self.next_list(lists)
            if listed is None or listed[0] != block:
                self.add("block-events", "the list of its events is missing, or out of order", block)
            elif listed[1] is not None:
                self.check_block(header, listed[1], listed[2], upcoming)
            elif self.kind != "range" or (before is not None and headers.line is not None):
                self.add("block-events", "its events are not listed", block)  # only beside a range
            if self.kind == "range":
                self.check_range(header, listed, before is None, headers.line is None)
            before = header, sha256(text).hexdigest()
        if upcoming is not None or proofs.line is not None:
            self.add("block-missing", "other files tell of more blocks than blocks.jsonl")
        self.check_rest()
        block, digest = (before[0]["block_number"], before[1]) if before else (0, None)
        if (self.end["block_number"], self.end["block_hash"]) != (block, digest):
            self.add("block-missing", f"the chain does not end as manifest.json says, but at block {block}")
        for file in (headers, lists, proofs, self.lines, self.personal):
            if file is not None:
                file.file.close()

    def read_header(self, data):
        header = parse(data, dict)
        same = json.dumps(header, separators=(",", ":")).encode() == data
        if not same or list(header)[:10] != HEADER or header["v"] != 1:
            raise ValueError("a line of blocks.jsonl is not a header in its one form")
        for name in ("log_index", "block_number", "event_count"):
            need(header[name], int)
        return header

    def check_link(self, before, header):
        """The header follows the one before it, in the chain and in the log, and is this tenant's."""
        block = header["block_number"]
        if header["tenant"] != self.digest:
            self.add("tenant-digest", "the block is another tenant's", block)
        expected, digest = (before[0]["block_number"] + 1, before[1]) if before else (1, "00" * 32)
        if block < expected or (before and header["log_index"] <= before[0]["log_index"]):
            self.add("block-order", "the block is out of order", block)
        elif block == expected and header["prev_hash"] != digest:
            self.add("prev-hash", "it does not name the hash of the block before", block)
        elif block > expected and (self.kind == "all" or (before and self.kind == "range")):
            self.add("block-missing", f"blocks {expected} to {block - 1} are missing", expected)

    def check_range(self, header, listed, first, last):
        """An event happens before its block is sealed. So earlier blocks are those sealed before the range,
        and of later ones only those may be left out that follow a block sealed after it."""
        (since, until), sealed = self.covered, instant(header["sealed_at"])
        beside, block = listed is not None and listed[1] is None, header["block_number"]
        if self.latest is None or (not beside and sealed > self.latest):
            self.latest = sealed
        if first and (since is None or sealed >= since if beside else block > 1):
            self.add("range-not-covered", "earlier blocks of the time that was asked for are missing", block)
        if last and beside and (until is None or min(sealed, self.latest) < until):
            self.add("range-not-covered", "this block belongs to the time that was asked for", block)
        if last and not beside and (until is None or self.latest < until):
            self.notes.append(f"Nothing is shown of what was sealed after {header['sealed_at']}.")

    def check_place(self, text, header, given):
        """The header is a leaf of the tree whose root the newest checkpoint states."""
        index, message = header["log_index"], "the proof of its place in the log is missing, or out of order"
        if given.get("log_index") == index:
            if not self.checkpoints:
                return
            newest = self.checkpoints[-1]
            message = f"it is not at place {index} of the log of {newest.size} blocks"
            if included(leaf(text), index, newest.size, hashes(given["proof"]), newest.root):
                return
        self.add("log-inclusion", message, header["block_number"])

    def next_list(self, lists):
        """The next block's number, event ids (None beside a range) and hashes."""
        one = lists.take_json()
        if one is None or one["event_ids"] is None:
            return one and (need(one["block_number"], int), None, b"")
        if any(type(event) is not int for event in need(one["event_ids"], list)):
            raise ValueError("an event id that is no number")
        return one["block_number"], one["event_ids"], bytes.fromhex(need(one["event_hashes"], str))

    def check_block(self, header, ids, listed, upcoming):
        """The lists are those of the header, and the lines are those of the lists."""
        block = header["block_number"]
        ends = (ids[0], ids[-1]) if ids else (None, None)
        if not len(ids) * 32 == len(listed) == header["event_count"] * 32:
            self.add("event-count", f"the header says {header['event_count']} events", block)
        elif tree_root(listed).hex() != header["merkle_root"]:
            self.add("merkle-root", "the hashes of its events give another root than the header's", block)
        if ends != (header["first_event_id"], header["last_event_id"]) or sorted(set(ids)) != ids:
            self.add("event-order", "the ids of its events are not as the header says", block)
        self.blocks, self.first, self.last = self.blocks + 1, self.first or header, header
        self.check_lines(block, ids, listed, upcoming[1] if upcoming else None)

    def check_lines(self, block, ids, listed, next_ids):
        """Take this block's lines. Lines that are neither its nor the next block's are nobody's."""
        at, places, later = 0, None, None  # ids before `at` are done with
        while self.lines.line is not None and not (at == len(ids) and next_ids):
            line = self.lines.line
            found = EVENT.fullmatch(line)
            event = int(found[1]) if found else 0
            place = at
            if at == len(ids) or event != ids[at]:  # not the expected one: look for it
                if places is None:
                    places, later = {one: place for place, one in enumerate(ids)}, frozenset(next_ids or ())
                place = places.get(event, -1)
                if place < 0 and event in later:
                    break
            if place < at:
                self.add_strange(found)
            else:
                self.lack(block, ids[at:place])
                self.check_event(block, line, found, event, listed[place * 32 : place * 32 + 32])
                at = place + 1
            self.lines.take()
        self.lack(block, ids[at:])

    def add_strange(self, found):
        whose = "is another tenant's event" if found else "is not an event"
        if found and found[2] == self.in_line:
            whose = "is an event that is doubled, out of order, or in no block here"
        self.add("event-extra", f"line {self.lines.number} of events.jsonl {whose}")

    def lack(self, block, ids):
        if self.kind == "events":
            self.withheld += len(ids)
            return  # of those that were asked for check_rest tells
        for event in ids:
            self.add("event-missing", "the event was sealed, and its line is not here", block, event)

    def check_event(self, block, line, found, event, expected):
        self.events += 1
        self.asked.discard(event)
        if sha256(line).digest() != expected:
            self.add("event-changed", "the SHA-256 of its line is not the one that was sealed", block, event)
        elif found[2] != self.in_line:
            self.add("event-tenant", "the event says that it is another tenant's", block, event)
        if b'"operation":"C"' in line and b'"erasure"' in line:  # a record of personal values erased
            values = parse(line, dict)["new_values"]
            if isinstance(values, dict) and values.get("kind") == "erasure":
                self.erasures.update(one for one in need(values["event_ids"], list) if type(one) is int)
        if self.personal is not None:
            self.check_openings(block, line, event)

    def check_openings(self, block, line, event):
        """SHA-256(salt || values) is the event's commitment, SHA-256(salt || key) its record_key."""
        found = COMMITMENT.fullmatch(line, max(0, line.rfind(b'"personal_commitment":')))
        missing = found is not None and found[1] is not None
        while self.personal.line is not None and parse(self.personal.line, dict)["event_id"] == event:
            one = self.personal.take_json()
            digest = sha256(bytes.fromhex(one["salt"]) + one["text"].encode("utf-8", "replace")).hexdigest()
            self.openings += 1
            if one["what"] == "values":
                expected, missing = found, False
            else:
                expected = RECORD_KEY.match(line, 1)
            if expected is None or expected[1] != digest.encode():
                self.add("personal-changed", "a personal value is not what was recorded", block, event)
        if missing:
            self.absent.append(event)

    def check_rest(self):
        """Lines that no block has asked for, and personal values that are missing."""
        while self.lines.line is not None:
            self.add_strange(EVENT.fullmatch(self.lines.line))
            self.lines.take()
        if self.personal is not None and self.personal.line is not None:
            message = f"line {self.personal.number} of personal.jsonl belongs to no event here, or not there"
            self.add("personal-unknown", message)
        for event in sorted(self.asked):
            self.add("event-missing", "the event was asked for, and its line is not here", None, event)
        self.erased = sum(event in self.erasures for event in self.absent)
        for event in self.absent if self.kind == "all" and self.erased < len(self.absent) else ():
            if event not in self.erasures:
                message = "its personal values are not here, and no record says that they were erased"
                self.add("personal-missing", message, None, event)
        if self.personal is not None and self.counts["openings"] != self.openings:
            message = (
                f"{self.openings} personal values are here, manifest.json says {self.counts['openings']}"
            )
            self.add("personal-missing", message)
        if self.counts["events"] != self.events:
            message = f"{self.events} events are here, manifest.json says {self.counts['events']}"
            self.add("event-count", message)

    def judge(self):
        """By whom the evidence is vouched for, and when: the last checkpoint counts, which covers it."""
        if not self.events:
            self.unknown.append("There is no event in the evidence.")
        if self.kind == "events":
            self.notes.append("Single events were asked for: nothing is shown about any other event.")
        for theirs in self.anchors:
            known = [
                one for one in self.checkpoints if (one.origin, one.size) == (theirs.origin, theirs.size)
            ]
            if not known:
                self.unknown.append(f"Your checkpoint of {theirs.size} blocks is none of these.")
            elif known[0].root != theirs.root:
                self.add("checkpoint-fork", f"your checkpoint of {theirs.size} blocks has another root")
            elif self.last is not None and self.last["log_index"] < theirs.size:
                self.integrity = "anchored"
        if self.quorum and (not self.cosigned or len(self.cosigned[-1]) < self.quorum):
            self.unknown.append(f"Fewer than {self.quorum} of the witnesses cosigned the newest checkpoint.")
        elif self.quorum and self.integrity != "self-consistent":
            self.integrity = "witnessed"
            self.judge_time()

    def judge_time(self):
        """Cosigned without any of the blocks, and later with all of them: so they were made between."""
        pairs = [(one.size, times) for one, times in zip(self.checkpoints, self.cosigned)]
        pairs = [(size, times) for size, times in pairs if len(times) >= self.quorum]
        before = [min(times) for size, times in pairs if self.first and size <= self.first["log_index"]]
        after = [max(times) for size, times in pairs if self.last and size > self.last["log_index"]]
        if before and after:
            self.bracket = [moment(max(before)), moment(min(after))]

    def check_files(self):
        for name, expected in self.files.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+){0,2}", name):
                raise ValueError(f"manifest.json names a strange file: {name[:80]!r}")
            digest = sha256()
            with opened(self.folder, name) as file:
                for data in iter(lambda: file.read(1 << 20), b""):
                    digest.update(data)
            if digest.hexdigest() != expected:
                self.add("file-changed", f"{name} is not as it was exported")

    def report(self):
        verdict = "failed" if self.findings else "unknown" if self.unknown else "ok"
        return {
            "version": 1,
            "verdict": verdict,
            "exit_code": {"ok": 0, "failed": 1, "unknown": 4}[verdict],
            "tenant": self.tenant,
            "asked": self.manifest.get("asked"),
            "not_covered": self.manifest.get("not_covered"),
            "events": self.events,
            "blocks": self.blocks,
            "first_block": self.first and self.first["block_number"],
            "last_block": self.last and self.last["block_number"],
            "sealed": self.first and [self.first["sealed_at"], self.last["sealed_at"]],
            "withheld": self.withheld,
            "openings": self.openings,
            "erased": self.erased,
            "integrity": self.integrity,
            "time": "bracketed" if self.bracket else "asserted",
            "bracket": self.bracket,
            "findings": self.findings,
            "findings_omitted": self.omitted,
            "notes": self.unknown + self.notes,
        }


def instant(text):
    """A time with its zone, None for None."""
    if text is None:
        return None
    found = datetime.fromisoformat(need(text, str).replace("Z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(seconds, 253402300799)))


def said(error):
    what = "an entry is missing: " if isinstance(error, LookupError) else ""
    return what + (printable(str(error)[:300]) or type(error).__name__)


def printable(text):
    """Nothing in the evidence may steer the terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def check(folder: str, keys=(), witnesses=(), quorum: int = 0, anchors=(), origins=()) -> dict:
    """Check a folder. Keys are texts, anchors the bytes of notes; ValueError for a key that is none."""
    signers, cosigners = [Key(key, b"\x01") for key in keys], [Key(key, b"\x04") for key in witnesses]
    run = Check(folder, signers, cosigners, quorum, [Checkpoint(note) for note in anchors], origins)
    run.run()
    return run.report()


def verdict_text(report: dict) -> str:
    """The report for people."""
    lines = []
    for one in report["findings"]:
        places = [("block", one["block_number"]), ("event", one["event_id"])]
        where = ", ".join(f"{what} {place}" for what, place in places if place is not None)
        lines.append(f"{one['kind']}  {where}{': ' if where else ''}{printable(one['message'])}")
    lines += [f"and {report['findings_omitted']} more findings"] if report["findings_omitted"] else []
    lines += [f"note: {printable(note)}" for note in report["notes"]]
    if report["verdict"] == "failed":
        lines.append("FAILED: the evidence is not what was sealed, or not all of it.")
    elif report["verdict"] == "unknown":
        lines.append("UNKNOWN: not everything could be established; the notes say why.")
    else:
        sealed = [printable(str(time)) for time in report["sealed"]]
        whose = f"{report['events']} events of tenant {printable(report['tenant'])}"
        lines.append(f"OK: {whose} are as they were sealed in blocks {report['first_block']} to ")
        lines[-1] += f"{report['last_block']}, sealed from {sealed[0]} to {sealed[1]}"
        lines[-1] += "." if report["asked"]["kind"] == "events" else ", and none is left out between."
    lines.append(f"Integrity: {report['integrity']} (self-consistent < signed < anchored < witnessed).")
    between = " between {} and {}".format(*report["bracket"]) if report["bracket"] else ""
    return "\n".join([*lines, f"Time: {report['time']}{between} (asserted < bracketed < timestamped)."])


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description="Check a folder of evidence from an audit log.")
    parser.add_argument("folder")
    parser.add_argument("--key", action="append", default=[], help="a public key of the log")
    parser.add_argument("--witness", action="append", default=[], help="a public key of a witness")
    parser.add_argument("--quorum", type=int, default=0, help="how many witnesses must have cosigned")
    parser.add_argument("--anchor", action="append", default=[], help="a file: a checkpoint from elsewhere")
    parser.add_argument("--origin", action="append", default=[], help="the name that the log must have")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters
    try:
        anchors = [small(*os.path.split(os.path.abspath(name))) for name in given.anchor]
        report = check(given.folder, given.key, given.witness, given.quorum, anchors, given.origin)
    except (Missing, ValueError) as error:
        print(f"error: {said(error)}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2) if given.json else verdict_text(report))
    return report["exit_code"]


if __name__ == "__main__":
    sys.exit(main())

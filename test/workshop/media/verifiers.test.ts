/** Our verifiers beside the distributions' own tools, on files that they and we have signed, and on spoiled ones. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import { encodeBase64 } from '../../../src/crypto/base64.ts';
import { createHash } from 'node:crypto';
import { generateSeed, publicKeyOf, sign } from '../../../src/crypto/ed25519.ts';
import { PortalgunError } from '../../../src/errors.ts';
import { verifyCleartext } from '../../../src/workshop/media/cleartext.ts';
import { verifyDetached } from '../../../src/workshop/media/detached.ts';
import { verifyMinisign } from '../../../src/workshop/media/minisign.ts';
import type { OpenPgpKey } from '../../../src/workshop/media/openpgp-judge.ts';
import { readNumberedKey, verifySignify } from '../../../src/workshop/media/signify.ts';
import { needPrograms } from '../../support/skip.ts';
import {
  gpgSigned,
  gpgvAccepts,
  minisign,
  minisignAccepts,
  minisignKey,
  numbered,
  signify,
  signifyKey,
  signifyVerify,
  type ToolKey,
} from './signing-tools.ts';
import { clearsign, day, fingerprint, makeKey, NOW, revoke, type TestKey } from './test-archive.ts';

const LIST = `${'a'.repeat(64)}  one.iso\n- a line with a dash\n${'b'.repeat(64)} *two.iso\n`;
const OTHER = `${'c'.repeat(64)}  one.iso\n`;
const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** A content with its signature, both as they lie on a mirror. `content` undefined: it is in the signature's own file. */
interface Signed {
  readonly content: Buffer | undefined;
  readonly signature: Buffer;
}

/** One way to sign a file. */
interface Form {
  readonly name: string;
  readonly tool: string;
  sign(text: string): Promise<Signed>;
  /** By another key than the one that is trusted. */
  signByStranger(text: string): Promise<Signed>;
  /** What may be read: undefined where it is refused, which takes a `RefusedError`. */
  ours(signed: Signed): Promise<string | undefined>;
  theirs(signed: Signed): Promise<boolean>;
}

async function refusedOr(work: Promise<string> | (() => Promise<string>)): Promise<string | undefined> {
  try {
    return await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (error instanceof PortalgunError && error.exitCode === 3) return undefined;
    throw error;
  }
}

const openPgpKey = (key: TestKey): OpenPgpKey => ({ fingerprint: fingerprint(key), owner: 'test', key: key.public });

async function detach(text: string, key: TestKey, armored: boolean, date = day(-1)): Promise<Buffer> {
  const message = await openpgp.createMessage({ binary: bytes(text) });
  const common = { message, signingKeys: key.private, date, detached: true } as const;
  return armored
    ? bytes(await openpgp.sign({ ...common, format: 'armored' }))
    : Buffer.from(await openpgp.sign({ ...common, format: 'binary' }));
}

function openPgpForms(key: TestKey, stranger: TestKey): Form[] {
  const clear = async (text: string, by: TestKey): Promise<Signed> => ({
    content: undefined,
    signature: bytes(await clearsign(text, [by], day(-1))),
  });
  const detached = (armored: boolean): Form => ({
    name: `OpenPGP, detached, ${armored ? 'armored' : 'binary'}`,
    tool: 'gpgv',
    sign: async (text) => ({ content: bytes(text), signature: await detach(text, key, armored) }),
    signByStranger: async (text) => ({ content: bytes(text), signature: await detach(text, stranger, armored) }),
    ours: ({ content = Buffer.alloc(0), signature }) =>
      refusedOr(
        verifyDetached(content, signature, [openPgpKey(key)], NOW, 'the list').then(() => content.toString('utf8')),
      ),
    theirs: ({ content = Buffer.alloc(0), signature }) => gpgvAccepts(content, signature, [key]),
  });
  return [
    {
      name: 'OpenPGP, cleartext-signed',
      tool: 'gpgv',
      sign: (text) => clear(text, key),
      signByStranger: (text) => clear(text, stranger),
      ours: ({ signature }) =>
        refusedOr(verifyCleartext(signature, { keys: [openPgpKey(key)] }, NOW, 'the list').then(({ text }) => text)),
      theirs: ({ signature }) => gpgvAccepts(signature, undefined, [key]),
    },
    detached(true),
    detached(false),
  ];
}

function signifyForms(key: ToolKey, stranger: ToolKey): Form[] {
  const keys = [numbered('signify', key)];
  return [true, false].map((embedded): Form => {
    const by = async (text: string, signer: ToolKey): Promise<Signed> => ({
      content: embedded ? undefined : bytes(text),
      signature: await signify(bytes(text), signer, embedded),
    });
    return {
      name: `signify, ${embedded ? 'before what it signs' : 'in a file of its own'}`,
      tool: 'signify-openbsd',
      sign: (text) => by(text, key),
      signByStranger: (text) => by(text, stranger),
      ours: ({ content, signature }) =>
        refusedOr(async () => Buffer.from(verifySignify(content, signature, keys, 'the list').signed).toString('utf8')),
      theirs: async ({ content, signature }) => (await signifyVerify(content, signature, key.public)) !== undefined,
    };
  });
}

function minisignForms(key: ToolKey, stranger: ToolKey): Form[] {
  const keys = [numbered('minisign', key)];
  return [true, false].map((legacy): Form => {
    const by = async (text: string, signer: ToolKey): Promise<Signed> => ({
      content: bytes(text),
      signature: await minisign(bytes(text), signer, legacy),
    });
    return {
      name: `minisign, ${legacy ? 'legacy' : 'prehashed'}`,
      tool: 'minisign',
      sign: (text) => by(text, key),
      signByStranger: (text) => by(text, stranger),
      ours: ({ content = Buffer.alloc(0), signature }) =>
        refusedOr(verifyMinisign(content, signature, keys, 'the list').then(() => content.toString('utf8'))),
      theirs: ({ content = Buffer.alloc(0), signature }) => minisignAccepts(content, signature, key.public),
    };
  });
}

/** Changes the signed bytes wherever they are: in a file of their own, or in the signature's. */
function inContent({ content, signature }: Signed, change: (content: Buffer) => Buffer): Signed {
  if (content !== undefined) return { content: change(content), signature };
  const at = signature.indexOf(LIST.split('\n', 1)[0] ?? '');
  const clearEnd = signature.indexOf('\n-----BEGIN PGP SIGNATURE');
  const end = clearEnd < 0 ? signature.length : clearEnd + 1;
  return {
    content,
    signature: Buffer.concat([signature.subarray(0, at), change(signature.subarray(at, end)), signature.subarray(end)]),
  };
}

function flipped(buffer: Buffer, at: number): Buffer {
  const copy = Buffer.from(buffer);
  copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
  return copy;
}

/** Where the signature itself is, in whatever form: a place in the middle of its longest line, or of the binary. */
function middleOfSignature(signature: Buffer): number {
  const text = signature.toString('latin1');
  const armor = text.indexOf('-----BEGIN PGP SIGNATURE');
  if (armor >= 0) return text.indexOf('\n\n', armor) + 40;
  const base64 = text.indexOf('\nRU') + 1;
  return base64 > 0 ? base64 + 50 : Math.floor(signature.length / 2);
}

const crlf = (buffer: Buffer): Buffer => Buffer.from(buffer.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');

type Spoil = (good: Signed, form: Form) => Signed | Promise<Signed>;

const SPOILED: Readonly<Record<string, Spoil>> = {
  'a bit of the content flipped': (good) => inContent(good, (content) => flipped(content, 10)),
  'the last bit of the content flipped': (good) => inContent(good, (content) => flipped(content, content.length - 3)),
  'a bit of the signature flipped': ({ content, signature }) => ({
    content,
    signature: flipped(signature, middleOfSignature(signature)),
  }),
  'the signature of another file': async (good, form) => {
    const other = await form.sign(OTHER);
    if (good.content !== undefined) return { content: good.content, signature: other.signature };
    return inContent(good, () => bytes(OTHER));
  },
  'signed by another key': (_, form) => form.signByStranger(LIST),
  'the content cut off': (good) => inContent(good, (content) => Buffer.from(content.subarray(0, content.length - 20))),
  'the content empty': (good) => inContent(good, () => Buffer.alloc(0)),
  'the signature cut off': ({ content, signature }) => ({
    content,
    signature: signature.subarray(0, middleOfSignature(signature)),
  }),
  'no signature at all': ({ content }) => ({ content, signature: content ?? bytes(LIST) }),
  'an empty signature': ({ content }) => ({ content, signature: Buffer.alloc(0) }),
  'a line appended to the content': (good) =>
    inContent(good, (content) => Buffer.concat([content, bytes(`${'d'.repeat(64)}  evil.iso\n`)])),
  'a line put before the content': (good) =>
    inContent(good, (content) => Buffer.concat([bytes(`${'d'.repeat(64)}  one.iso\n`), content])),
  'a NUL in the content': (good) =>
    inContent(good, (content) => Buffer.concat([content.subarray(0, 20), Buffer.alloc(1), content.subarray(20)])),
  'a NUL at the end of the content': (good) => inContent(good, (content) => Buffer.concat([content, Buffer.alloc(1)])),
};

/** Where a tool takes what we refuse, why. In the other direction there is nothing to list: what they refuse, we do. */
const STRICTER: Readonly<Record<string, Spoil>> = {
  // gpgv, signify and minisign look at one signature and leave alone what follows it.
  'two signatures, one after the other': async ({ content, signature }, form) => ({
    content,
    signature: Buffer.concat([signature, (await form.signByStranger(LIST)).signature]),
  }),
  'lines appended to the signature': ({ content, signature }) => ({
    content,
    signature: Buffer.concat([signature, bytes(`${'d'.repeat(64)}  one.iso\n`)]),
  }),
  'text before the signature': ({ content, signature }) => ({
    content,
    signature: Buffer.concat([bytes(`${'d'.repeat(64)}  one.iso\n`), signature]),
  }),
};

describe('verifiers beside the distributions’ own tools', function () {
  this.timeout(120_000);
  let forms: Form[];
  let key: TestKey;

  before(async function () {
    needPrograms(this, 'gpgv', 'gpg', 'signify-openbsd', 'minisign');
    key = await makeKey('good');
    forms = [
      ...openPgpForms(key, await makeKey('stranger')),
      ...signifyForms(await signifyKey(), await signifyKey()),
      ...minisignForms(await minisignKey(), await minisignKey()),
    ];
    assert.equal(forms.length, 7);
  });

  it('read what was signed, and so do they', async () => {
    for (const form of forms) {
      const good = await form.sign(LIST);
      assert.deepEqual([await form.ours(good), await form.theirs(good)], [LIST, true], form.name);
    }
  });

  for (const [what, spoil] of Object.entries(SPOILED)) {
    it(`threat 32: refuse, as they do: ${what}`, async () => {
      for (const form of forms) {
        const good = await form.sign(LIST);
        const bad = await spoil(good, form);
        assert.notDeepEqual(bad, good, form.name);
        assert.deepEqual([await form.ours(bad), await form.theirs(bad)], [undefined, false], form.name);
      }
    });
  }

  for (const [what, spoil] of Object.entries(STRICTER)) {
    it(`threat 33: refuse, whether they do or not: ${what}`, async () => {
      for (const form of forms) {
        // Two binary signatures one after the other are a file with two signatures.
        if (form.name === 'OpenPGP, detached, binary' && what.startsWith('two')) continue;
        const bad = await spoil(await form.sign(LIST), form);
        // What stands behind a signature that comes first is its content, and no longer the one that was signed.
        assert.equal(await form.ours(bad), undefined, form.name);
      }
    });
  }

  it('read the same text where line ends were changed on the way, or refuse it', async () => {
    for (const form of forms) {
      const good = await form.sign(LIST);
      const changed = { content: good.content && crlf(good.content), signature: crlf(good.signature) };
      const [ours, theirs] = [await form.ours(changed), await form.theirs(changed)];
      if (form.name === 'OpenPGP, cleartext-signed') {
        // RFC 9580, section 7.2: line ends are no part of what is signed. What is read has those that were signed.
        assert.deepEqual([ours, theirs], [LIST, true], form.name);
      } else assert.deepEqual([ours, theirs], [undefined, false], form.name);
      const kept = { content: good.content, signature: crlf(good.signature) };
      if (good.content !== undefined && (await form.ours(kept)) !== undefined) {
        assert.deepEqual([await form.ours(kept), await form.theirs(kept)], [LIST, true], form.name);
      }
    }
  });

  it('agree on a thousand random bytes of content, with every control character', async () => {
    for (const form of forms.filter(({ name }) => !name.includes('cleartext'))) {
      const content = randomBytes(1000).toString('latin1');
      const good = await form.sign(content);
      assert.deepEqual([await form.ours(good), await form.theirs(good)], [content, true], form.name);
    }
  });

  it('take what GnuPG itself has signed, in all three forms', async () => {
    const made = await gpgSigned(bytes(LIST));
    const [read] = await openpgp.readKeys({ armoredKeys: made.key });
    assert(read);
    const keys = [{ fingerprint: read.getFingerprint().toUpperCase(), owner: 'gpg', key: read }];
    // GnuPG signs by the clock, and NOW may be the beginning of a long run.
    const now = new Date(Date.now() + 60_000);
    // The line end before the signature is no part of a cleartext-signed text.
    assert.equal((await verifyCleartext(made.clear, { keys }, now, 'the list')).text, LIST.trimEnd());
    for (const signature of [made.armored, made.binary]) {
      const { signers } = await verifyDetached(bytes(LIST), signature, keys, now, 'the list');
      assert.equal(signers[0]?.key.fingerprint, keys[0]?.fingerprint);
    }
  });

  it('take one good signature among some by keys that are not known', async () => {
    const two = Buffer.concat([await detach(LIST, await makeKey('stranger'), false), await detach(LIST, key, false)]);
    assert.equal((await verifyDetached(bytes(LIST), two, [openPgpKey(key)], NOW, 'x')).signers.length, 1);
    const seventeen = Buffer.concat(await Promise.all(Array.from({ length: 17 }, () => detach(LIST, key, false))));
    await assert.rejects(verifyDetached(bytes(LIST), seventeen, [openPgpKey(key)], NOW, 'x'), {
      code: 'media/signature-malformed',
      message: /17 signatures, at most 16/,
    });
  });

  it('refuse a detached signature of "canonical text", which holds for several byte strings', async () => {
    const message = await openpgp.createMessage({ text: LIST });
    const signature = await openpgp.sign({ message, signingKeys: key.private, date: day(-1), detached: true });
    assert.equal(await gpgvAccepts(crlf(bytes(LIST)), bytes(signature), [key]), true);
    for (const content of [bytes(LIST), crlf(bytes(LIST))]) {
      await assert.rejects(verifyDetached(content, bytes(signature), [openPgpKey(key)], NOW, 'the list'), {
        code: 'media/signature-malformed',
        message: /of another kind/,
      });
    }
  });

  it('refuse revoked and expired keys on detached signatures too, with the dates', async () => {
    const revoked = await revoke(await makeKey('revoked'), day(-10));
    const signature = await detach(LIST, revoked, true);
    await assert.rejects(verifyDetached(bytes(LIST), signature, [openPgpKey(revoked)], NOW, 'the list'), {
      code: 'media/revoked-key',
      message: new RegExp(day(-10).toISOString().slice(0, 10)),
    });
    const lapsed = await makeKey('lapsed', -10);
    const before = await verifyDetached(
      bytes(LIST),
      await detach(LIST, lapsed, true, day(-20)),
      [openPgpKey(lapsed)],
      NOW,
      'x',
    );
    assert.match(before.warnings.join(), /has expired since/);
  });

  it('stream what is signed: a large file is read once, piece by piece', async () => {
    const piece = randomBytes(256 * 1024);
    const pieces = 40;
    const content = Buffer.concat(Array.from({ length: pieces }, () => piece));
    let read = 0;
    async function* stream() {
      for (let index = 0; index < pieces; index++) {
        read += piece.length;
        yield piece;
      }
    }
    const message = await openpgp.createMessage({ binary: content });
    const pgp = await openpgp.sign({
      message,
      signingKeys: key.private,
      date: day(-1),
      detached: true,
      format: 'binary',
    });
    await verifyDetached(stream(), Buffer.from(pgp), [openPgpKey(key)], NOW, 'the disk');
    assert.equal(read, content.length);
    const tool = await minisignKey();
    await verifyMinisign(stream(), await minisign(content, tool, false), [numbered('minisign', tool)], 'the disk');
    assert.equal(read, 2 * content.length);
  });

  it('sign in their formats, and the tools take it: signify, and both forms of minisign', async () => {
    const seed = generateSeed();
    const number = randomBytes(8);
    const line = (algorithm: string, value: Uint8Array) =>
      encodeBase64(Buffer.concat([Buffer.from(algorithm), number, value]));
    const pub = bytes(`untrusted comment: ours\n${line('Ed', publicKeyOf(seed))}\n`);
    const keys = [{ kind: 'signify', owner: 'ours', ...readNumberedKey(pub) }] as const;
    const own = sign(seed, bytes(LIST));
    const sig = bytes(`untrusted comment: x\n${line('Ed', own)}\n`);
    assert.deepEqual(await signifyVerify(bytes(LIST), sig, pub), bytes(LIST));
    assert.deepEqual(verifySignify(bytes(LIST), sig, keys, 'x').key, keys[0]);
    const minisigned = (algorithm: string, signed: Uint8Array, comment: string) => {
      const globally = sign(seed, Buffer.concat([signed, bytes(comment)]));
      return bytes(
        `untrusted comment: x\n${line(algorithm, signed)}\ntrusted comment: ${comment}\n${encodeBase64(globally)}\n`,
      );
    };
    const hashed = sign(seed, createHash('blake2b512').update(LIST).digest());
    for (const [algorithm, signed] of [
      ['Ed', own],
      ['ED', hashed],
    ] as const) {
      const file = minisigned(algorithm, signed, 'timestamp:1700000000\tfile:x');
      assert.equal(await minisignAccepts(bytes(LIST), file, pub), true, algorithm);
      const verdict = await verifyMinisign(bytes(LIST), file, keys, 'x');
      assert.equal(verdict.signedAt?.getTime(), 1_700_000_000_000);
    }
    // A signature over the file passed off as one over its hash, and the other way round.
    for (const [algorithm, signed] of [
      ['ED', own],
      ['Ed', hashed],
    ] as const) {
      const file = minisigned(algorithm, signed, 'x');
      assert.equal(await minisignAccepts(bytes(LIST), file, pub), false, algorithm);
      await assert.rejects(verifyMinisign(bytes(LIST), file, keys, 'x'), { code: 'media/bad-signature' });
    }
  });

  it('refuse a trusted comment that was changed, or taken from another signature, as minisign does', async () => {
    const tool = await minisignKey();
    const keys = [numbered('minisign', tool)];
    const good = (await minisign(bytes(LIST), tool, false, 'timestamp:1700000000')).toString();
    const other = (await minisign(bytes(OTHER), tool, false, 'timestamp:1800000000')).toString().split('\n');
    const [first, second] = good.split('\n');
    for (const bad of [
      good.replace('timestamp:17', 'timestamp:18'),
      [first, second, other[2], other[3], ''].join('\n'),
      good.replace('\ntrusted comment: ', '\ntrusted comment:  '),
    ]) {
      assert.equal(await minisignAccepts(bytes(LIST), bytes(bad), tool.public), false);
      await assert.rejects(verifyMinisign(bytes(LIST), bytes(bad), keys, 'x'), {
        code: 'media/bad-signature',
        message: /trusted comment/,
      });
    }
  });

  it('refuse more than a legacy signature can be over', async () => {
    const tool = await minisignKey();
    const signature = await minisign(bytes(LIST), tool, true);
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 1;
        yield new Uint8Array(16 * 1024 * 1024);
      }
    }
    await assert.rejects(verifyMinisign(endless(), signature, [numbered('minisign', tool)], 'x'), {
      code: 'media/legacy-signature',
    });
    assert.equal(read, 5);
  });

  it('name an unknown key by its number', async () => {
    const [known, stranger] = [await signifyKey(), await signifyKey()];
    const { number } = numbered('signify', stranger);
    await assert.rejects(
      async () =>
        verifySignify(undefined, await signify(bytes(LIST), stranger, true), [numbered('signify', known)], 'x'),
      { code: 'media/unknown-key', message: new RegExp(number) },
    );
  });
});

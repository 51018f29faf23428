/** docs/verifying-without-portalgun.md, run as it stands on a real build, and on what somebody has changed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { escapeName, formatManifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { patternOf } from './printed.ts';
import { author as somebody } from '../heal/patches.ts';
import { json, jsonLines, ROOT } from '../support/cli.ts';
import { needScribe, writeScribe } from '../support/scribe.ts';
import { needPrograms } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const PAGE = readFileSync(path.join(ROOT, 'docs/verifying-without-portalgun.md'), 'utf8');

interface Command {
  readonly script: string;
  /** Lines of its output as the page shows them. */
  readonly prints?: readonly string[];
}

interface Section {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** What comes before the first step, and all sections. */
const [HANDED_OVER, ...SECTIONS] = PAGE.split(/^## /m).map((text): Section => {
  const blocks = text.matchAll(/^```sh\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```\n)?/gm);
  return {
    title: text.split('\n', 1)[0] ?? '',
    commands: [...blocks].map(([, script = '', prints]) => ({
      script,
      ...(prints !== undefined && { prints: prints.trimEnd().split('\n') }),
    })),
  };
});

const STEPS = SECTIONS.filter(({ title }) => /^\d/.test(title));

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function run(folder: string, script: string, environment: NodeJS.ProcessEnv): Ran {
  const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', script], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...environment },
    encoding: 'latin1',
  });
  return { code: status, output: stdout + stderr };
}

/** Goes through the steps until something does not hold. `stopped` is the title of the step that says so. */
function verify(folder: string, author: string, signer = ''): { readonly stopped?: string; readonly output: string } {
  let seen = '';
  for (const { title, commands } of STEPS) {
    for (const { script, prints } of commands) {
      const { code, output } = run(folder, script, { AUTHOR: author, SIGNER: signer });
      seen += output;
      if (code !== 0) return { stopped: title, output: seen };
      if (prints !== undefined) assert.match(output, patternOf(prints), script);
    }
  }
  return { output: seen };
}

const OPEN = '1. Open the envelope';
const SIGNATURE = '2. Check the signature';
const CLAIM = '3. Read what is claimed';
const MANIFEST = '4. Compare the manifest';
const DISK = '5. Compare the disk with it';

/** Offset of a byte in the boot sector that no file system reads. */
const BOOT_PROGRAM = 400;

describe('docs/verifying-without-portalgun.md', function () {
  this.timeout(600_000);
  let home: TestHome;
  let author: string;
  /** What a third party was given. */
  let given: string;
  let recipeRecord: string;
  let dirHash1: string;

  before(async function () {
    needPrograms(this, 'jq', 'openssl', 'perl', 'basenc');
    await needScribe(this);
    home = await tempHome();
    ({ author } = await json(home, ['init']));
    const recipe = writeScribe(home.folder, { name: 'scribe', reproducible: true });
    appendFileSync(recipe, 'normalise: []\n');
    const { build } = (await jsonLines(home, ['build', recipe, '--repair', 'never'])).at(-1);
    const [{ record }] = await json(home, ['publish', build.id, '--offline']);
    recipeRecord = (await json(home, ['publish', recipe, '--offline']))[0].record;

    ({ dirHash1 } = await json(home, ['images', 'show', build.image]));

    given = path.join(home.folder, 'given');
    mkdirSync(given);
    const [bin, { PATH }] = [path.join(home.folder, 'bin'), home.environment];
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'portalgun'), `#!/bin/sh\nexec ${path.join(ROOT, 'portalgun')} "$@"\n`, {
      mode: 0o755,
    });
    for (const { script } of HANDED_OVER?.commands ?? []) {
      const environment = { ...home.environment, PATH: `${bin}:${PATH}`, RECORD: record, IMAGE: build.image };
      const { code, output } = run(given, script, environment);
      assert.equal(code, 0, output);
    }
  });
  after(() => home?.remove());

  let copies = 0;
  /** What was given, in a folder of its own. */
  function copy(): string {
    const folder = path.join(home.folder, `copy-${(copies += 1)}`);
    cpSync(given, folder, { recursive: true });
    return folder;
  }
  /** The same with one bit of a file another one: at an offset, or where these words begin. */
  function flipped(name: string, where: number | string): string {
    const folder = copy();
    const file = path.join(folder, name);
    const bytes = readFileSync(file);
    flip(bytes, typeof where === 'number' ? where : bytes.indexOf(where));
    writeFileSync(file, bytes);
    return folder;
  }

  it('shows commands that do what it says', () => {
    assert.deepEqual(
      STEPS.map(({ title }) => title),
      [OPEN, SIGNATURE, CLAIM, MANIFEST, DISK],
    );
    const { stopped, output } = verify(copy(), author);
    assert.equal(stopped, undefined, output);
  });

  it('takes what goes with an exported file in place of a record, and knows the file by it', () => {
    const folder = copy();
    cpSync(path.join(folder, 'disk.raw.attestation.json'), path.join(folder, 'record.json'));
    const { stopped, output } = verify(folder, author);
    assert.equal(stopped, undefined, output);
    const [compare] = SECTIONS.find(({ title }) => title === 'Exported files')?.commands ?? assert.fail();
    const same = run(folder, compare?.script ?? '', {});
    assert.equal(same.code, 0, same.output);
    assert.match(same.output, patternOf(compare?.prints ?? []));
    const disk = readFileSync(path.join(folder, 'disk.raw'));
    flip(disk, BOOT_PROGRAM);
    writeFileSync(path.join(folder, 'disk.raw'), disk);
    assert.notEqual(run(folder, compare?.script ?? '', {}).code, 0);
    assert.equal(verify(copy(), somebody(7).id).stopped, SIGNATURE);
  });

  it('computes dirHash1 by the command of docs/manifest.md', () => {
    const folder = copy();
    assert.equal(verify(folder, author).stopped, undefined); // unpacks it
    const [, script = ''] =
      /^```sh\n([\s\S]*?)^```/m.exec(readFileSync(path.join(ROOT, 'docs/manifest.md'), 'utf8')) ?? [];
    assert.equal(run(folder, script, {}).output, `${dirHash1.replace('sha256:', '')}  -\n`);
  });

  it('finds one changed bit of the statement, and of its signature', () => {
    const envelope = JSON.parse(readFileSync(path.join(given, 'record.json'), 'utf8'));
    const [{ sig, keyid }] = envelope.signatures;
    for (const other of [
      { ...envelope, payload: flippedBase64(envelope.payload) },
      { ...envelope, signatures: [{ keyid, sig: flippedBase64(sig) }] },
    ]) {
      const folder = copy();
      writeFileSync(path.join(folder, 'record.json'), JSON.stringify(other));
      assert.equal(verify(folder, author).stopped, SIGNATURE);
    }
  });

  it('finds another author, and another kind of record by the same one', async () => {
    assert.equal(verify(copy(), somebody(7).id).stopped, SIGNATURE);
    const folder = copy();
    rmSync(path.join(folder, 'record.json'));
    await json(home, ['why', recipeRecord, '--proof', path.join(folder, 'record.json')]);
    assert.equal(verify(folder, author).stopped, CLAIM);
  });

  it('finds one changed bit of the manifest', () => {
    assert.equal(verify(flipped('manifest', 'NAME.TXT'), author).stopped, MANIFEST);
  });

  it('finds one changed bit of a file, and of the boot sector, and names where', () => {
    for (const [at, where] of [
      ['stamped at', 'p0:/STAMP.TXT'],
      [BOOT_PROGRAM, 'disk:0+512'],
    ] as const) {
      const { stopped, output } = verify(flipped('disk.raw', at), author);
      assert.equal(stopped, DISK);
      assert.deepEqual(
        [...output.matchAll(/^([<>]) \w{64} (.+)$/gm)].map(([, side, name]) => `${side} ${name}`),
        [`< ${where}`, `> ${where}`],
      );
    }
  });

  it('follows a change of keys, and believes no key that the one before did not sign', async () => {
    const { record: change, key } = await json(home, ['key', 'rotate']);
    const recipe = path.join(home.folder, 'later.yaml');
    const text = readFileSync(path.join(home.folder, 'scribe.yaml'), 'utf8');
    writeFileSync(recipe, text.replace('version: 1.0.0', 'version: 1.0.1'));
    const [{ record }] = await json(home, ['publish', recipe, '--offline']);
    const [folder, keyFolder] = [path.join(home.folder, 'later'), path.join(home.folder, 'key')];
    for (const [each, id] of [
      [folder, record],
      [keyFolder, change],
    ]) {
      mkdirSync(each);
      await json(home, ['why', id, '--proof', path.join(each, 'record.json')]);
    }
    assert.equal(verify(keyFolder, author, key).stopped, SIGNATURE);
    assert.equal(verify(keyFolder, author).stopped, CLAIM);
    assert.equal(verify(folder, author).stopped, SIGNATURE);
    const script = SECTIONS.find(({ title }) => title.includes('changed keys'))?.commands[0]?.script ?? assert.fail();
    assert.equal(run(folder, script, { AUTHOR: author }).output, `${key}\n`);
    assert.notEqual(run(folder, script, { AUTHOR: somebody(7).id }).code, 0);
    assert.equal(verify(folder, author, key).stopped, CLAIM); // a recipe; but signed as it should be
  });

  it('finds a file that is missing, and one too many, whatever they are called; those with a rule are left out', () => {
    const folder = path.join(home.folder, 'names');
    const at = (name: string): Buffer => Buffer.from(path.join(folder, 'p1', name), 'latin1');
    const names = ['plain', 'with space', 'back\\slash', 'line\nfeed', 'return\r', 'b\xfcro', '\\x41', 'sub/*'];
    mkdirSync(path.join(folder, 'p1/sub'), { recursive: true });
    for (const name of [...names, 'an id']) writeFileSync(at(name), `content of ${names.indexOf(name)}`);
    const entries = [
      { kind: 'filesystem', path: 'disk:0+1', sizeBytes: 1, name: 'p1', type: 'ext4' } as const,
      ...names.map((name, index) => fileEntry(name, `content of ${index}`)),
      { ...fileEntry('an id', ''), rule: 'machine-id' },
    ];
    writeFileSync(path.join(folder, 'manifest'), formatManifest(entries, sha256('rules')).text);
    const compare = STEPS.find(({ title }) => title === DISK)?.commands[1]?.script ?? assert.fail();
    const same = run(folder, compare, {});
    assert.equal(same.code, 0, same.output);

    rmSync(at('line\nfeed'));
    writeFileSync(at('too many'), '');
    const { code, output } = run(folder, compare, {});
    assert.equal(code, 1);
    assert.match(output, /^< \w{64} p1:\/line\\x0afeed$/m);
    assert.match(output, /^> \w{64} p1:\/too\\x20many$/m);
    assert.equal(output.match(/^[<>]/gm)?.length, 2);
  });
});

function flip(bytes: Buffer, at: number): void {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
}

function flippedBase64(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  flip(bytes, 40);
  return bytes.toString('base64');
}

function fileEntry(name: string, content: string): ManifestEntry {
  return {
    kind: 'file',
    path: `p1:/${escapeName(Buffer.from(name, 'latin1'))}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    sha256: sha256(content),
  };
}

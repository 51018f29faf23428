import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { createMasker } from '../../../src/workshop/provision/mask.ts';
import { decodePng } from '../../../src/picture/index.ts';
import { openTranscript, pictureKeeper, writeFailureBundle } from '../../../src/workshop/provision/transcript.ts';
import type { BuildEvent, StepFailure } from '../../../src/workshop/provision/types.ts';
import { paperScreen } from './paper-machine.ts';

const start = (index: number): BuildEvent => ({
  atMs: index,
  event: 'step-start',
  step: `step-${index}`,
  index,
  of: 30,
  try: 1,
});

describe('the transcript', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portalgun-transcript-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is one masked event a line, for its owner only, and goes on where it ended', async () => {
    const path = join(folder, 'transcript.jsonl');
    const masker = createMasker(['swordfish']);
    for (const screen of [['first'], ['typed swordfish']]) {
      const transcript = await openTranscript(path, masker);
      const failed = { event: 'step-failed', step: 'login', phase: 'expect', reason: 'no' } as const;
      transcript.write({ atMs: 1, ...failed, expected: { text: 'swordfish' }, nearest: [], screen });
      await transcript.close();
    }
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => /"screen":(.*)}$/.exec(line)?.[1]),
      ['["first"]', '["typed •••••••••"]'],
    );
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('remembers the last twenty steps', async () => {
    const transcript = await openTranscript(join(folder, 'transcript.jsonl'), createMasker([]));
    for (let index = 0; index < 30; index += 1) transcript.write(start(index));
    await transcript.close();
    assert.deepEqual(transcript.recent()[0], start(10));
    assert.equal(transcript.recent().length, 20);
  });

  it('keeps of a failure what explains it', async () => {
    const failure: StepFailure = {
      stepId: 'language',
      stepDigest: sha256('step'),
      phase: 'when',
      expected: { text: 'Choose the language' },
      reason: 'it was not seen',
      seen: paperScreen(['Choose the tongue']),
      serialTail: '',
      nearest: [{ line: 'Choose the tongue', row: 0, similarity: 0.7 }],
    };
    const frame = { width: 1, height: 1, rgb: new Uint8Array([1, 2, 3]), sequence: 1, capturedAtMs: 0 };
    const bundle = join(folder, 'failure');
    await writeFailureBundle(bundle, { failure, frame, events: [start(0)] }, createMasker(['x']));
    assert.equal(await readFile(join(bundle, 'screen.txt'), 'utf8'), 'Choose the tongue\n');
    const picture = decodePng(await readFile(join(bundle, 'screen.png')), 'screen.png');
    assert.deepEqual([picture.width, picture.height, [...picture.rgb]], [1, 1, [1, 2, 3]]);
    assert.equal((await stat(join(bundle, 'screen.png'))).mode & 0o777, 0o600);
    const kept: unknown = JSON.parse(await readFile(join(bundle, 'failure.json'), 'utf8'));
    assert.partialDeepStrictEqual(kept, {
      expectedInWords: 'the text "Choose the language"',
      nearest: failure.nearest,
      screen: ['Choose the tongue'],
    });
    assert.deepEqual(JSON.parse(await readFile(join(bundle, 'steps.jsonl'), 'utf8')), start(0));
  });

  it('keeps no picture of a screen that shows a secret', async () => {
    const failure: StepFailure = {
      stepId: 'password',
      stepDigest: sha256('step'),
      phase: 'expect',
      expected: { text: 'changed' },
      reason: 'it was not seen',
      seen: paperScreen(['you typed swordfish']),
      serialTail: 'swordfish',
      nearest: [],
    };
    const frame = { width: 1, height: 1, rgb: new Uint8Array(3), sequence: 1, capturedAtMs: 0 };
    await writeFailureBundle(folder, { failure, frame, events: [] }, createMasker(['swordfish']));
    await assert.rejects(stat(join(folder, 'screen.png')), /ENOENT/);
    for (const name of ['failure.json', 'screen.txt', 'steps.jsonl']) {
      assert.ok(!(await readFile(join(folder, name), 'utf8')).includes('swordfish'), name);
    }
  });

  it('threat 39: keeps no picture where one may show a secret that nobody can read', async () => {
    const failure: StepFailure = {
      stepId: 'password',
      stepDigest: sha256('step'),
      phase: 'expect',
      expected: { text: 'changed' },
      reason: 'it was not seen',
      seen: paperScreen(['nothing that can be read']),
      serialTail: '',
      nearest: [],
    };
    await writeFailureBundle(folder, { failure, frame: null, events: [] }, createMasker(['swordfish']));
    await assert.rejects(stat(join(folder, 'screen.png')), /ENOENT/);
    await stat(join(folder, 'screen.txt'));
  });

  it('threat 39: keeps pictures of failing steps for their owner only, and none that shows a secret', async () => {
    const keep = pictureKeeper(join(folder, 'screens'), createMasker(['swordfish']));
    const frame = { width: 1, height: 1, rgb: new Uint8Array(3), sequence: 1, capturedAtMs: 0 };
    const failure = (line: string): StepFailure => ({
      stepId: 'login',
      stepDigest: sha256('step'),
      phase: 'expect',
      expected: { text: 'changed' },
      reason: 'it was not seen',
      seen: paperScreen([line]),
      serialTail: '',
      nearest: [],
    });
    const kept = await keep(failure('login:'), frame);
    assert.deepEqual(kept, { name: 'screens/1-login.png', path: join(folder, 'screens/1-login.png') });
    assert.equal((await stat(kept.path)).mode & 0o777, 0o600);
    assert.equal(await keep(failure('you typed swordfish'), frame), undefined);
    assert.equal(await keep(failure('you typed •••••••••'), frame), undefined);
  });
});

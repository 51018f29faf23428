/** What can be said of a recipe's rules before anything is fetched or started is said then. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { buildImage } from '../../../src/workshop/build/index.ts';

describe('the normaliser rules of a build', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'pg-rules-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('are refused before its media are looked for', async () => {
    const source = [
      'recipe: 1\nname: ruled\nversion: 1.0.0\nsummary: With a rule that hides nearly anything',
      'media: { iso: { file: not-there.iso, unverified: allow } }',
      'machine: { arch: x86_64, memory: 64M, disks: [{ id: main, size: 1G }] }',
      'outputs: [{ disk: main, as: main }]',
      'normalise: [{ path: /etc/motd, content: ".*", reason: it varies }]',
      'steps: [{ id: end, expect: { text: the end } }]\n',
    ].join('\n');
    const told: string[] = [];
    const path = (name: string): string => join(folder, name);
    const building = buildImage({
      checked: parseRecipe(source),
      recipeDir: folder,
      lock: undefined,
      foreign: false,
      id: 'b1',
      bases: [],
      params: {},
      secrets: new Map(),
      folders: {
        build: path('build'),
        images: path('images'),
        cache: path('cache'),
        checkpoints: path('checkpoints'),
        runtime: path('runtime'),
      },
      keysDir: path('keys'),
      sources: [],
      resume: false,
      emit: ({ event }) => told.push(event),
      signal: new AbortController().signal,
      now: () => new Date(0),
    });
    await assert.rejects(building, { code: 'image/rule-too-wide', exitCode: 3 });
    assert.deepEqual(told, []);
  });
});

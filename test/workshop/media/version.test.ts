import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { sample, stringMatching, tuple } from 'fast-check';
import { compareVersions, isRelation, satisfies } from '../../../src/workshop/media/version.ts';
import { needPrograms } from '../../support/skip.ts';

/** Each one is older than the next; from Debian policy and from packages whose order was got wrong somewhere. */
const ASCENDING = [
  '0~~',
  '0~',
  '0',
  '0+b1',
  '0.1~rc1',
  '0.1',
  '0.9',
  '0.10',
  '1.0~beta1~svn1245',
  '1.0~beta1',
  '1.0',
  '1.0-1',
  '1.0-1+b1',
  '1.0-1.1',
  '1.0-1.1~deb12u1',
  '1.0+dfsg-1',
  '1.0a',
  '1.35.0-4+deb12u1',
  '1.35.0-4+deb12u1+b1',
  '2:0.1',
  '10:0',
];

describe('versions', () => {
  it('come in the order of dpkg', async function () {
    this.timeout(120_000);
    needPrograms(this, 'dpkg');
    const versions = stringMatching(/^([0-9]:)?[0-9][0-9a-zA-Z.+~]{0,6}(-[0-9a-zA-Z.+~]{1,4})?$/);
    const drawn = sample(tuple(versions, versions), { numRuns: 400, seed: 7 });
    const known = ASCENDING.flatMap((a) => ASCENDING.map((b): [string, string] => [a, b]));
    // One shell for all, as starting dpkg a thousand times is what takes the time.
    const pairs = [...known, ...drawn];
    const script =
      'while read -r a b; do if dpkg --compare-versions "$a" lt "$b"; then echo lt; elif dpkg --compare-versions "$a" eq "$b"; then echo eq; else echo gt; fi; done';
    const { stdout } = spawnSync('sh', ['-c', script], {
      input: pairs.map((pair) => pair.join(' ')).join('\n') + '\n',
      encoding: 'utf8',
    });
    const theirs = stdout.trim().split('\n');
    assert.equal(theirs.length, pairs.length);
    const word = (order: number) => (order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq');
    assert.deepEqual(
      pairs.map(([a, b]) => `${a} ${word(compareVersions(a, b))} ${b}`),
      pairs.map(([a, b], index) => `${a} ${theirs[index]} ${b}`),
    );
    assert(new Set(theirs).size === 3, 'all three answers were asked for');
  });

  it('satisfy relations', () => {
    const table: [string, string, string, boolean][] = [
      ['1.0', '<<', '1.0', false],
      ['1.0~rc1', '<<', '1.0', true],
      ['1.0', '<=', '1.0', true],
      ['1.1', '<=', '1.0', false],
      ['1.0', '=', '1.0-0', true],
      ['1.0', '=', '1:1.0', false],
      ['1.0', '>=', '1.0', true],
      ['0.9', '>=', '1.0', false],
      ['1.0', '>>', '1.0', false],
      ['1:0', '>>', '9', true],
    ];
    for (const [version, relation, wanted, answer] of table) {
      assert(isRelation(relation));
      assert.equal(satisfies(version, relation, wanted), answer, `${version} ${relation} ${wanted}`);
    }
  });
});

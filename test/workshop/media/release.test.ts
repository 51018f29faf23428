import assert from 'node:assert/strict';
import { parseRelease } from '../../../src/workshop/media/release.ts';

const HEAD = 'Origin: Debian\nSuite: oldstable\nCodename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n';
const LIST = `SHA256:\n ${'a'.repeat(64)}     1234 main/binary-amd64/Packages\n`;

describe('a Release file', () => {
  it('is read: names, dates, digests', () => {
    const release = parseRelease(
      `${HEAD}Valid-Until: Mon, 1 Feb 2027 00:00:00 UTC\nNotAutomatic: yes\n${LIST}`,
      'test',
    );
    assert.deepEqual(
      [
        release.origin,
        release.suite,
        release.codename,
        release.date.toISOString(),
        release.validUntil?.toISOString(),
        release.notAutomatic,
      ],
      ['Debian', 'oldstable', 'bookworm', '2026-07-11T10:16:37.000Z', '2027-02-01T00:00:00.000Z', true],
    );
    assert.deepEqual(release.files.get('main/binary-amd64/Packages'), {
      sha256: `sha256:${'a'.repeat(64)}`,
      sizeBytes: 1234,
    });
  });

  for (const [what, text] of Object.entries({
    'without a date': HEAD.replace(/Date.*\n/, '') + LIST,
    'with a date in another form': HEAD.replace('Sat, 11 Jul 2026 10:16:37 UTC', '2026-07-11') + LIST,
    'with another time zone': HEAD.replace('UTC', 'CEST') + LIST,
    'with weak digests only': `${HEAD}MD5Sum:\n ${'a'.repeat(32)} 1 main/binary-amd64/Packages\n`,
    'with a short digest': HEAD + LIST.replace('aaaa', ''),
    'with two digests for one file': `${HEAD}${LIST} ${'b'.repeat(64)} 1234 main/binary-amd64/Packages\n`,
    'with two dates': `${HEAD}date: Sat, 11 Jul 2026 10:16:37 UTC\n${LIST}`,
    'without a name': HEAD.replace(/Suite.*\nCodename.*\n/, '') + LIST,
    'that begins in the middle': ` a\n${HEAD}${LIST}`,
  })) {
    it(`is refused ${what}`, () => {
      assert.throws(() => parseRelease(text, 'test'), { code: 'media/release-malformed', exitCode: 3 });
    });
  }
});

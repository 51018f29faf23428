/** config.yaml: every line optional, every mistake named. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CONFIG_TEXT, DEFAULT_CONFIG, firstConfigText, loadConfig } from '../../src/node/config.ts';
import { mediaSources } from '../../src/node/media-sources.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

describe('config.yaml', () => {
  let test: TestHome;
  const write = async (text: string): Promise<void> => {
    await mkdir(test.home.config, { recursive: true });
    await writeFile(path.join(test.home.config, 'config.yaml'), text);
  };
  beforeEach(async () => {
    test = await tempHome();
  });
  afterEach(() => test.remove());

  it('may be absent, empty, or all comments: the defaults', async () => {
    assert.deepEqual(await loadConfig(test.home), DEFAULT_CONFIG);
    for (const text of ['', '# nothing\n', CONFIG_TEXT]) {
      await write(text);
      assert.deepEqual(await loadConfig(test.home), DEFAULT_CONFIG);
    }
  });

  it('begins with a port of its own, so that an invitation holds after the next start', async () => {
    await write(firstConfigText());
    const { listen, ...others } = await loadConfig(test.home);
    assert.match(listen.join(), /^\/ip4\/0\.0\.0\.0\/tcp\/2\d{4}$/);
    assert.deepEqual({ ...others, listen: DEFAULT_CONFIG.listen }, DEFAULT_CONFIG);
  });

  it('shows the defaults in its comments', async () => {
    await write(CONFIG_TEXT.replace(/^# (?=\w+: )/gm, ''));
    assert.deepEqual(await loadConfig(test.home), DEFAULT_CONFIG);
  });

  it('gives what it says', async () => {
    await write(
      'network: mine.test\nlisten: [/ip4/127.0.0.1/tcp/4001]\nbootstrap: [/dns4/a.example/tcp/1]\nmdns: false\nsnapshots: ["https://old.example/debian/20260101T000000Z bookworm main"]\narchives: ["http://new.example/debian bookworm main contrib"]\n',
    );
    assert.deepEqual(await loadConfig(test.home), {
      network: 'mine.test',
      listen: ['/ip4/127.0.0.1/tcp/4001'],
      bootstrap: ['/dns4/a.example/tcp/1'],
      announce: [],
      relay: true,
      mdns: false,
      snapshots: ['https://old.example/debian/20260101T000000Z bookworm main'],
      archives: ['http://new.example/debian bookworm main contrib'],
    });
    assert.deepEqual((await mediaSources(test.home)).archives, [
      { url: 'http://new.example/debian', suite: 'bookworm', components: ['main', 'contrib'] },
    ]);
  });

  const mistakes: readonly (readonly [text: string, message: RegExp])[] = [
    ['network: [', /config\.yaml:.*line 1/s],
    ['mdns: true\nmdns: false\n', /line 2/],
    ['just text', /`name: value` lines/],
    ['- a\n', /`name: value` lines/],
    [
      'netwrok: x\n',
      /unknown field `netwrok`; known are: network, listen, bootstrap, announce, relay, mdns, snapshots, archives/,
    ],
    ['network: Capital\n', /`network` must be lower-case/],
    ['network: 7\n', /`network`/],
    ['listen: /ip4/127.0.0.1/tcp/1\n', /`listen` must be a list of multiaddrs/],
    ['bootstrap: [nowhere]\n', /`bootstrap` must be a list/],
    ['mdns: maybe\n', /`mdns` must be true or false/],
    ['snapshots: https://old.example/debian bookworm main\n', /`snapshots` must be a list/],
    ['snapshots: ["https://old.example/debian"]\n', /`snapshots`/],
    ['snapshots: ["[trusted=yes] https://old.example/debian bookworm main"]\n', /`snapshots`/],
    [
      'snapshots: ["https://old.example/debian bookworm main\\ndeb https://evil.example bookworm main"]\n',
      /`snapshots`/,
    ],
    ['archives: ["file:/srv/debian bookworm main"]\n', /`archives` must be a list/],
    ['listen: &a [/ip4/127.0.0.1/tcp/1]\nbootstrap: *a\n', /alias/i],
  ];
  for (const [text, message] of mistakes) {
    it(`is refused: ${JSON.stringify(text)}`, async () => {
      await write(text);
      await assert.rejects(loadConfig(test.home), { code: 'config/invalid', exitCode: 2, message });
    });
  }
});

/**
 * The flow by openQA's isotovideo: needles on the menu, the prompt and the result, its own pace of typing. The needles are cut from
 * screens that a first run of it took, so that they are what it sees.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { LINE, type Flow } from './shell-flow.ts';

/** In pixels of GRUB's 25 rows of 16 by 80 columns of 9: what the moment does not change. */
const NEEDLES = {
  menu: { xpos: 45, ypos: 320, width: 540, height: 32 },
  prompt: { xpos: 0, ypos: 48, width: 720, height: 96 },
  result: { xpos: 0, ypos: 176, width: 720, height: 48 },
};

const MAIN = `use strict;
use warnings;
use testapi;
use autotest;
autotest::loadtest 'tests/shell.pm';
1;
`;

const shellTest = (steps: string): string => `use Mojo::Base 'basetest';
use testapi;
sub run {
${steps}
  type_string 'halt';
  send_key 'ret';
  assert_shutdown;
}
sub test_flags { return {fatal => 1}; }
1;
`;

const TYPED = `  type_string '${LINE}';\n  send_key 'ret';\n`;
/** Waits are for this run alone: it takes pictures of screens that nobody knows yet. */
const TAKING = `  sleep 8;\n  save_screenshot;\n  send_key 'c';\n  sleep 3;\n  save_screenshot;\n${TYPED}  sleep 5;\n  save_screenshot;`;
const LOOKING = `  assert_screen 'menu', 60;\n  send_key 'c';\n  assert_screen 'prompt', 30;\n${TYPED}  assert_screen 'result', 30;`;

/** Takes the needles, and gives the run that is timed. */
export async function createIsotovideo(flow: Flow): Promise<() => Promise<void>> {
  const distribution = path.join(flow.folder, 'distribution');
  const needles = path.join(distribution, 'needles');
  await mkdir(path.join(distribution, 'tests'), { recursive: true });
  await mkdir(needles);
  await writeFile(path.join(distribution, 'main.pm'), MAIN);
  const test = path.join(distribution, 'tests/shell.pm');
  await writeFile(test, shellTest(TAKING));
  const results = await run(flow, distribution, 'taking');
  const pictures = (await readdir(results)).filter((name) => name.endsWith('.png')).sort(byNumber);
  for (const [index, [tag, area]] of Object.entries(NEEDLES).entries()) {
    await copyFile(path.join(results, pictures[index] ?? ''), path.join(needles, `${tag}.png`));
    const needle = { area: [{ ...area, type: 'match', match: 96 }], properties: [], tags: [tag] };
    await writeFile(path.join(needles, `${tag}.json`), JSON.stringify(needle));
  }
  await writeFile(test, shellTest(LOOKING));
  return async () => {
    await run(flow, distribution, 'pool');
  };
}

/** `shell-2.png` before `shell-10.png`. */
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/** Rejects where a needle was not seen. Gives the folder with what was found. */
async function run({ iso, accelerator, folder }: Flow, distribution: string, name: string): Promise<string> {
  const pool = path.join(folder, name);
  await rm(pool, { recursive: true, force: true });
  await mkdir(pool);
  const variables = {
    ARCH: 'x86_64',
    BACKEND: 'qemu',
    CASEDIR: distribution,
    PRODUCTDIR: distribution,
    DISTRI: 'grub',
    HDDSIZEGB: 1,
    ISO: iso,
    NOVIDEO: 1,
    QEMURAM: 128,
    VNC: 91,
    ...(accelerator === 'tcg' && { QEMU_NO_KVM: 1 }),
  };
  await writeFile(path.join(pool, 'vars.json'), JSON.stringify(variables));
  await promisify(execFile)('isotovideo', ['-d'], { cwd: pool, timeout: 600_000, maxBuffer: 64 * 1024 * 1024 });
  return path.join(pool, 'testresults');
}

/** Keyboard and pointer against a real Linux, whose own word is taken for what arrived: it comes back over the serial line. */
import assert from 'node:assert/strict';
import { randomLine } from '../workshop/input/soak-typing.ts';
import { needBuilds } from '../support/grub.ts';
import { seeded } from '../support/random.ts';
import { linuxConsole, type LinuxConsole } from './linux-console.ts';

const CHARACTERS = 10_000;
/** A line of the console with its end; a terminal takes some 4,000. */
const LONGEST = 70;

describe('hands on a real Linux', function () {
  this.timeout(900_000);
  let linux: LinuxConsole;

  before(async function () {
    await needBuilds(this);
    linux = await linuxConsole({ pointer: 'tablet' });
  });
  after(async () => linux?.close());

  /** From here on what is typed goes into a file. Not before `cat` runs: what a shell is sent meanwhile is not echoed. */
  async function toFile(): Promise<void> {
    await linux.command('echo go-$((40 + 2)); cat > /typed');
    await linux.screen.until('go-42');
  }

  /** What came into the file, as the guest has it. */
  async function typed(): Promise<string> {
    await linux.command('stty -F /dev/ttyS0 raw; cat /typed > /dev/ttyS0; echo end-of-it > /dev/ttyS0');
    const bytes = await linux.serial((seen) => Buffer.from(seen).toString().endsWith(END));
    return Buffer.from(bytes).toString().slice(0, -END.length);
  }

  it(`type ${CHARACTERS} characters, not one of them wrong`, async () => {
    const { typist } = linux;
    const random = seeded(10_000);
    await toFile();
    const lines: string[] = [];
    const beganMs = performance.now();
    for (let typed = 0; typed < CHARACTERS; typed += lines.at(-1)!.length) {
      const line = randomLine(random, 'us', LONGEST);
      lines.push(line);
      await typist.type(line);
      await typist.press('enter');
    }
    const perSecond = (CHARACTERS * 1000) / (performance.now() - beganMs);
    console.log(`      ${perSecond.toFixed(0)} characters a second, every one of them read back`);
    await typist.press('ctrl-d');
    assert.equal(await typed(), `${lines.join('\n')}\n`);
  });

  const layouts = [
    ['de', 'z-y/Z: "@" \\{x|y}[~] <ü&ö> ß=Ä;#+*?'],
    ['gb', `"two" @home #1 ~ £5 \\ | it's ¬ 'so'`],
    ['fr-latin9', 'azerty-QWERTY_1234567890+ (x-6)=[|]{#} ~@\\^ àéèçù$*%!:;,?./<>'],
  ] as const;
  for (const [layout, text] of layouts) {
    it(`type on the layout that the guest was set to: ${layout}`, async () => {
      const { typist, command, screen } = linux;
      const [name, variant = ''] = layout.split('-');
      await command(`ckbcomp -model pc105 us > /us; ckbcomp -model pc105 ${name} '${variant}' '' > /keys`);
      await command(`loadkeys /keys; kbd_mode -u; echo ${layout}-$((40 + 2))`);
      await screen.until(`${layout}-42`);
      typist.useLayout(layout);
      await toFile();
      await typist.type(text);
      await typist.press('enter');
      await typist.press('ctrl-d');
      assert.equal(await typed(), `${text}\n`);
      await command(`loadkeys /us; echo us-$((40 + 2))-${layout}`);
      await screen.until(`us-42-${layout}`);
      typist.useLayout('us');
    });
  }

  it('point at the pixel that was meant, with the button that was meant', async () => {
    const { typist, screen, command, serial } = linux;
    await command(
      'for m in xhci_pci usbhid hid_generic; do modprobe $m; done; until [ -e /dev/hidraw0 ]; do :; done; echo loaded-$?',
    );
    await screen.until('loaded-0');
    await command('cat /dev/hidraw0 > /dev/ttyS0 &');
    await command('echo press-$((40 + 2))');
    const shown = await screen.until('press-42');
    const row = shown.lines.findIndex((line) => line.startsWith('press-42'));
    await typist.move({ at: [0, 0] });
    await typist.click({ at: [100, 50] }, { button: 'right', times: 2 });
    await typist.click({ text: 'press-42' });
    // The tablet's reports: buttons, x and y as 16 bits, low byte first, and the wheel.
    const reports = (bytes: Uint8Array) =>
      Array.from({ length: Math.floor(bytes.length / REPORT_BYTES) }, (_, at) => {
        const report = Buffer.from(bytes.subarray(at * REPORT_BYTES, (at + 1) * REPORT_BYTES));
        return { buttons: report[0], x: report.readUInt16LE(1), y: report.readUInt16LE(3) };
      });
    const clicks = (bytes: Uint8Array) =>
      reports(bytes).filter(({ buttons }, at, all) => buttons && all[at - 1]?.buttons === 0);
    const seen = await serial((bytes) => clicks(bytes).length >= 3 && reports(bytes).at(-1)?.buttons === 0);
    const { width, height } = await linux.machine.frame();
    const pixel = ({ x, y, buttons }: { x: number; y: number; buttons: number | undefined }) => [
      buttons,
      Math.floor((x * width) / 0x8000),
      Math.floor((y * height) / 0x8000),
    ];
    assert.deepEqual(clicks(seen).map(pixel), [
      [2, 100, 50],
      [2, 100, 50],
      [1, 4 * shown.cellWidth, Math.floor((row + 0.5) * shown.cellHeight)],
    ]);
  });
});

const REPORT_BYTES = 6;
const END = 'end-of-it\n';

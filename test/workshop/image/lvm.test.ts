import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { RefusedError } from '../../../src/errors.ts';
import type { ManifestEntry } from '../../../src/workshop/image/index.ts';
import { parseGroupText } from '../../../src/workshop/image/lvm/group-text.ts';
import { lvmChecksum } from '../../../src/workshop/image/lvm/label.ts';
import type { MappedVolume } from '../../../src/workshop/image/lvm/volumes.ts';
import { zeroLvmIds } from '../../../src/workshop/image/lvm/lvm-id.ts';
import { measureDevice } from '../../../src/workshop/image/measure-device.ts';
import { type MeasureSession, VOLUME_DEVICE } from '../../../src/workshop/image/measure-session.ts';
import { compileRules } from '../../../src/workshop/image/normalise.ts';
import { EXTENT, FIRST_EXTENT, groupText, ID, inARow, physicalVolume, volume } from './lvm.fixture.ts';

/** Partitions one after the other. A volume reads as its rows say; no file system is ever mounted. */
function diskOf(partitions: readonly Buffer[]): { session: MeasureSession; bytes: Buffer; offsets: readonly number[] } {
  const offsets = partitions.map(
    (_, index) => 512 + partitions.slice(0, index).reduce((sum, each) => sum + each.length, 0),
  );
  const bytes = Buffer.concat([Buffer.alloc(512), ...partitions]);
  let mapped: Buffer = Buffer.alloc(0);
  const session: MeasureSession = {
    layout: async () => ({
      sizeBytes: bytes.length,
      partitions: partitions.map((each, index) => ({
        number: index + 1,
        offset: offsets[index] ?? 0,
        sizeBytes: each.length,
      })),
    }),
    async *raw(device, offset, sizeBytes) {
      const of = device === VOLUME_DEVICE ? mapped : bytes;
      assert.ok(
        offset >= 0 && offset + sizeBytes <= of.length,
        `nothing beyond the end is read: ${offset}+${sizeBytes}`,
      );
      yield of.subarray(offset, offset + sizeBytes);
    },
    map: async (_, { rows }) => {
      mapped = assemble(rows, (partition, sector) => bytes.subarray((offsets[partition - 1] ?? 0) + sector * 512));
    },
    tree: () => Promise.reject(new Error('no file system is in these')),
  };
  return { session, bytes, offsets };
}

/** Sector by sector, as Linux' admin-guide/device-mapper/striped.rst puts it. */
function assemble(rows: MappedVolume['rows'], at: (partition: number, sector: number) => Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (const { sectors, stripeSectors, places } of rows) {
    for (let sector = 0; sector < sectors; sector += 1) {
      const chunk = stripeSectors === 0 ? 0 : Math.floor(sector / stripeSectors);
      const place = places[chunk % places.length];
      assert.ok(place);
      const inside =
        stripeSectors === 0 ? sector : Math.floor(chunk / places.length) * stripeSectors + (sector % stripeSectors);
      pieces.push(at(place.partition, place.sector + inside).subarray(0, 512));
    }
  }
  return Buffer.concat(pieces);
}

async function entriesOf(...partitions: readonly Buffer[]): Promise<readonly ManifestEntry[]> {
  const options = {
    normaliser: compileRules([]),
    onBytes() {},
    add() {},
    tap: undefined,
    copy: undefined,
    running: false,
  };
  return measureDevice(diskOf(partitions).session, 'vda', options);
}

const shown = (entries: readonly ManifestEntry[]): readonly string[] =>
  entries.map((entry) =>
    entry.kind === 'filesystem'
      ? `${entry.path} ${entry.name}:${entry.type}`
      : `${entry.path}${entry.kind === 'extent' && entry.holds !== undefined ? ` ${entry.holds}` : ''}`,
  );

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Each extent has content of its own. */
function filled(pv: Buffer, salt = 0): Buffer {
  for (let at = FIRST_EXTENT; at < pv.length; at += 1) pv[at] = ((at >> 9) + salt) & 0xff;
  return pv;
}

const end = FIRST_EXTENT + 20 * EXTENT;

describe('volumes of LVM', () => {
  it('are put together of their rows, and what none owns is told apart', async () => {
    const text = groupText({
      volumes: {
        first: volume([
          'extent_count = 3 type = "striped" stripe_count = 1 stripes = ["pv0", 4]',
          'extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 0]',
        ]),
      },
    });
    const pv = filled(physicalVolume({ id: ID('a'), text }));
    const entries = await entriesOf(pv);
    const at = (extent: number): number => 512 + FIRST_EXTENT + extent * EXTENT;
    assert.deepEqual(shown(entries), [
      'disk:0+512',
      `disk:512+${FIRST_EXTENT} lvm2-metadata`,
      `disk:${at(0)}+${2 * EXTENT} vg-first:lvm2`,
      `disk:${at(2)}+${2 * EXTENT} lvm2-unused`,
      `disk:${at(4)}+${3 * EXTENT} vg-first:lvm2`,
      `disk:${at(7)}+${13 * EXTENT} lvm2-unused`,
      `vg-first:0+${5 * EXTENT}`,
    ]);
    const content = entries.at(-1);
    assert.ok(content?.kind === 'extent');
    const extent = (from: number, count: number): Buffer =>
      pv.subarray(FIRST_EXTENT + from * EXTENT, FIRST_EXTENT + (from + count) * EXTENT);
    assert.equal(content.sha256, sha256(Buffer.concat([extent(4, 3), extent(0, 2)])));
  });

  it('may lie turn by turn on two, whose descriptions may be of two ages', async () => {
    const physical = { pv0: { id: ID('a'), extents: 20 }, pv1: { id: ID('b'), extents: 20 } };
    const striped = 'extent_count = 4 type = "striped" stripe_count = 2 stripe_size = 8 stripes = ["pv0", 1, "pv1", 2]';
    const now = groupText({ seqno: 7, physical, volumes: { s: volume([striped]) } });
    const before = groupText({ seqno: 6, physical });
    const [one, two] = [
      filled(physicalVolume({ id: ID('a'), text: before })),
      filled(physicalVolume({ id: ID('b'), text: now }), 99),
    ];
    const entries = await entriesOf(one, two);
    const content = entries.at(-1);
    assert.ok(content?.kind === 'extent');
    const piece = (pv: Buffer, number: number): Buffer =>
      pv.subarray(FIRST_EXTENT + number * EXTENT, FIRST_EXTENT + (number + 1) * EXTENT);
    assert.equal(content.path, `vg-s:0+${4 * EXTENT}`);
    assert.equal(content.sha256, sha256(Buffer.concat([piece(one, 1), piece(two, 2), piece(one, 2), piece(two, 3)])));
  });

  it('are found where their description goes round the end of its ring', async () => {
    const text = groupText({ volumes: { v: inARow(1, 'pv0', 0) } });
    const pv = physicalVolume({ id: ID('a'), text, textAt: FIRST_EXTENT - 4096 - 100 });
    assert.ok(shown(await entriesOf(pv)).includes(`vg-v:0+${EXTENT}`));
  });

  it('have names that cannot be taken for one another', async () => {
    const names = async (name: string, of: string): Promise<string | undefined> =>
      shown(
        await entriesOf(
          physicalVolume({ id: ID('a'), text: groupText({ name, volumes: { [of]: inARow(1, 'pv0', 0) } }) }),
        ),
      ).at(-1);
    assert.equal(await names('a-b', 'c'), `a--b-c:0+${EXTENT}`);
    assert.equal(await names('a', 'b-c'), `a-b--c:0+${EXTENT}`);
  });

  const OTHER: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'of another type': { v: volume(['extent_count = 1 type = "mirror" mirror_count = 2 mirrors = ["pv0", 0]']) },
    'that is hidden': {
      v: volume(['extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0]'], '"READ", "WRITE"'),
    },
    'that is being moved': {
      v: volume(
        ['extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0]'],
        '"READ", "VISIBLE", "LOCKED"',
      ),
    },
    'that lies on itself': { v: inARow(1, 'v', 0) },
    'that lies on a volume that lies on it': { v: inARow(1, 'w', 0), w: inARow(1, 'v', 0) },
    'that is a part of another': {
      v: inARow(1, 'pv0', 0),
      snapshot0: volume(['extent_count = 1 type = "snapshot" origin = "root" cow_store = "v"']),
    },
    'of which a part is not on this disk': {
      v: volume([
        'extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0]',
        'extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv9", 0]',
      ]),
    },
  };
  for (const [what, volumes] of Object.entries(OTHER)) {
    it(`are not opened: one ${what}, and its bytes count as they are`, async () => {
      const physical = { pv0: { id: ID('a'), extents: 20 }, pv9: { id: ID('z'), extents: 20 } };
      const entries = await entriesOf(physicalVolume({ id: ID('a'), text: groupText({ physical, volumes }) }));
      assert.ok(shown(entries).every((each) => each.startsWith('disk:') && !each.includes(':lvm2')));
      const total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
      assert.equal(total, 512 + end);
    });
  }

  it('are not opened inside of a volume', async () => {
    const inner = physicalVolume({ id: ID('a'), text: groupText({ volumes: { v: inARow(20, 'pv0', 0) } }) });
    const extents = inner.length / EXTENT;
    const physical = { pv0: { id: ID('b'), extents } };
    const outer = physicalVolume({
      id: ID('b'),
      extents,
      text: groupText({ name: 'outer', physical, volumes: { v: inARow(extents, 'pv0', 0) } }),
    });
    inner.copy(outer, FIRST_EXTENT);
    assert.equal(shown(await entriesOf(outer)).at(-1), `outer-v:0+${inner.length} lvm2-member`);
  });

  it('are none where the label is spoiled or no group is described yet', async () => {
    const spoiled = physicalVolume({ id: ID('a'), text: groupText({}), spoil: ({ label }) => void (label[100] = 1) });
    assert.deepEqual(shown(await entriesOf(spoiled)), ['disk:0+512', `disk:512+${end}`]);
    assert.deepEqual(shown(await entriesOf(physicalVolume({ id: ID('a') }))), [
      'disk:0+512',
      `disk:512+${end} lvm2-unused`,
    ]);
  });
});

describe('a volume group that cannot be is refused (threat 38)', () => {
  const good = groupText({ volumes: { v: inARow(4, 'pv0', 0) } });
  const one = (options: Omit<Parameters<typeof physicalVolume>[0], 'id'>): readonly Buffer[] => [
    physicalVolume({ id: ID('a'), text: good, ...options }),
  ];
  const described = (volumes: Readonly<Record<string, string>>): readonly Buffer[] =>
    one({ text: groupText({ volumes }) });
  const segment = (text: string): readonly Buffer[] => described({ v: volume([text]) });
  const two = (first: string, second: string, ids: readonly [string, string] = ['a', 'b']): readonly Buffer[] => [
    physicalVolume({ id: ID(ids[0]), text: first }),
    physicalVolume({ id: ID(ids[1]), text: second }),
  ];
  const of = (id: string, more: Parameters<typeof groupText>[0] = {}): string =>
    groupText({ physical: { pv0: { id: ID(id), extents: 20 } }, ...more });

  const withoutEnd = (label: Buffer): void => {
    for (let at = 72; at + 16 <= label.length; at += 16) label.fill(0, at, at + 16).writeUInt8(1, at);
  };
  const BAD: Readonly<Record<string, readonly [RegExp, () => readonly Buffer[]]>> = {
    'two groups of one name': [/has its name "vg"/, () => two(of('a', { id: ID('g') }), of('b', { id: ID('h') }))],
    'two partitions that are one': [/says that it is the one in p1/, () => two(good, good, ['a', 'a'])],
    'two groups on one partition': [/two groups say/, () => two(of('a'), of('a', { name: 'other', id: ID('h') }))],
    'two descriptions of one age': [/not that in p1/, () => two(of('a'), of('b', { seqno: 1 }))],
    'a text with another checksum': [
      /another checksum/,
      () => one({ spoil: ({ bytes }) => void (bytes[4096 + 520] = 0) }),
    ],
    'an area without header': [/no valid header/, () => one({ spoil: ({ header }) => void (header[5] = 0) })],
    'a header of somewhere else': [
      /no valid header/,
      () => one({ change: ({ header }) => void header.writeUInt8(1, 24) }),
    ],
    'a text beyond its area': [
      /outside of its metadata area/,
      () => one({ change: ({ header }) => void header.writeBigUInt64LE(BigInt(FIRST_EXTENT), 40) }),
    ],
    'a text larger than the limit': [
      /claims 1048577 bytes/,
      () => one({ change: ({ header }) => void header.writeBigUInt64LE(1024n * 1024n + 1n, 48) }),
    ],
    'a text of more bytes than there are numbers': [
      /claims Infinity bytes/,
      () => one({ change: ({ header }) => void header.writeBigUInt64LE(2n ** 63n, 48) }),
    ],
    'an area beyond the end': [
      /points beyond its end/,
      () => one({ change: ({ label }) => void label.writeBigUInt64LE(2n ** 62n, 112) }),
    ],
    'areas without end': [/has no end/, () => one({ change: ({ label }) => withoutEnd(label) })],
    'an id that is none': [/holds no id/, () => one({ change: ({ label }) => void label.fill(0x7e, 32, 64) })],
    'no text of a group': [/cannot be read/, () => one({ text: 'vg {' })],
    'a text of two groups': [/not of one group/, () => one({ text: 'a { } b { }' })],
    'a name that leads out of its folder': [/not of one group/, () => one({ text: '.. { seqno = 1 }' })],
    'extents of no size': [
      /no proper extent_size/,
      () => one({ text: good.replace(/extent_size = \d+/, 'extent_size = 0') }),
    ],
    'extents beyond the end': [
      /reach beyond its end/,
      () => one({ text: groupText({ physical: { pv0: { id: ID('a'), extents: 21 } } }) }),
    ],
    'a volume beyond the end': [/beyond the end of its physical volume/, () => described({ v: inARow(4, 'pv0', 17) })],
    'volumes that share extents': [
      /share extents/,
      () => described({ v: inARow(4, 'pv0', 0), w: inARow(4, 'pv0', 3) }),
    ],
    'a volume that shares extents with itself': [
      /share extents/,
      () =>
        described({
          v: volume([
            'extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0]',
            'extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0]',
          ]),
        }),
    ],
    'a hole in a volume': [/has a hole/, () => segment('start_extent = 1 extent_count = 1 type = "striped"')],
    'segments that are not there': [
      /no segment 2 of 2/,
      () => one({ text: good.replace('segment_count = 1', 'segment_count = 2') }),
    ],
    'more segments than the limit': [
      /more than 1024 segments/,
      () => one({ text: good.replace('segment_count = 1', 'segment_count = 1025') }),
    ],
    'more volumes than the limit': [
      /it has 257 volumes/,
      () =>
        described(Object.fromEntries(Array.from({ length: 257 }, (_, number) => [`v${number}`, 'segment_count = 0']))),
    ],
    'a volume larger than any disk': [
      /larger than any disk/,
      () => segment('extent_count = 9007199254740 type = "error"'),
    ],
    'stripes that do not add up': [
      /stripes are odd/,
      () =>
        segment('extent_count = 3 type = "striped" stripe_count = 2 stripe_size = 8 stripes = ["pv0", 0, "pv0", 4]'),
    ],
    'stripes of an odd size': [
      /odd size/,
      () =>
        segment('extent_count = 2 type = "striped" stripe_count = 2 stripe_size = 24 stripes = ["pv0", 0, "pv0", 4]'),
    ],
    'a start that is no number': [
      /stripes are odd/,
      () => segment('extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", -1]'),
    ],
  };
  for (const [what, [message, disk]] of Object.entries(BAD)) {
    it(`for ${what}`, async () => {
      await assert.rejects(entriesOf(...disk()), { code: 'image/bad-volume-group', exitCode: 3, message });
    });
  }

  it('or measured to the last byte, whatever bytes its description has', async () => {
    const text = Buffer.from(good, 'latin1');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(text.length - 2), fc.nat(255)), { maxLength: 4 }), async (changes) => {
        const changed = Buffer.from(text);
        for (const [at, value] of changes) changed[at] = value;
        try {
          const entries = await entriesOf(...one({ text: changed.toString('latin1') }));
          const onDisk = entries.filter(({ path }) => path.startsWith('disk:'));
          assert.equal(
            onDisk.reduce((sum, entry) => sum + entry.sizeBytes, 0),
            512 + end,
          );
        } catch (error) {
          assert.ok(error instanceof RefusedError, String(error));
          assert.equal(error.code, 'image/bad-volume-group');
        }
      }),
      { numRuns: 400, seed: 20_261_128 },
    );
  });
});

describe('the description of a volume group', () => {
  it('reads as sections, words, numbers and lists', () => {
    const read = parseGroupText('a { b = 1 # c = 2\n d = "x\\"#{" e = [] f = ["g", -2,] }\n\0');
    assert.deepEqual(
      read,
      new Map([
        [
          'a',
          new Map<string, unknown>([
            ['b', 1],
            ['d', 'x"#{'],
            ['e', []],
            ['f', ['g', -2]],
          ]),
        ],
      ]),
    );
  });

  const deep = `${'a {'.repeat(1000)}${'}'.repeat(1000)}`;
  for (const text of [
    'a',
    'a {',
    'a }',
    'a = ',
    'a = [1',
    'a = [1 2]',
    'a = b',
    'a = "b',
    'a = 1 a = 2',
    '"a" = 1',
    '= 1',
    '# a\n !',
    'a = 12345678901234567',
    deep,
    `${' '.repeat(200_000)}!`,
    `a = "${'\\'.repeat(200_001)}`,
  ]) {
    it(`cannot be ${JSON.stringify(text.slice(0, 30))}`, () => assert.equal(parseGroupText(text), undefined));
  }
});

describe('disk ids of LVM', () => {
  it('are the only bytes that do not count, and their checksums', () => {
    const bytes = physicalVolume({ id: ID('a'), text: groupText({ volumes: { v: inARow(1, 'pv0', 0) } }) });
    const kept = Buffer.from(bytes);
    zeroLvmIds(kept);
    const again = physicalVolume({
      id: ID('b'),
      text: groupText({
        id: ID('h'),
        physical: { pv0: { id: ID('b'), extents: 20 } },
        volumes: { v: inARow(1, 'pv0', 0).replace(ID('v'), ID('w')).replace('1732752000', '1832752001') },
      }).replace('1732752000\n', '1932752002\n'),
    });
    assert.notDeepEqual(again, bytes);
    zeroLvmIds(again);
    assert.deepEqual(again, kept);
    const other = physicalVolume({ id: ID('a'), text: groupText({ volumes: { v: inARow(1, 'pv0', 1) } }) });
    zeroLvmIds(other);
    assert.notDeepEqual(other, kept);
  });

  it('are checked with LVM’s own checksum', () => {
    // An empty text leaves the first value of lib/misc/crc.h; a known one is CRC-32's table walked from there.
    assert.equal(lvmChecksum(Buffer.alloc(0)), 0xf597a6cf);
    let crc = 0xf597a6cf;
    for (const byte of Buffer.from('LVM2')) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0xedb88320);
    }
    assert.equal(lvmChecksum(Buffer.from('LVM2')), crc >>> 0);
  });
});

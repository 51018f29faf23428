/** The cable of a guest, whose other end is a function: what is on it, and that nothing else is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { plugIn } from '../../../src/workshop/network/cable.ts';
import { createFileServer } from '../../../src/workshop/network/files.ts';
import type { GuestRequest } from '../../../src/workshop/network/requests.ts';
import { createRequestLog } from '../../../src/workshop/network/requests.ts';
import { CONNECTIONS_MOST, REQUESTS_MOST } from '../../../src/workshop/network/limits.ts';
import { parsePacket, RST, SYN, tcpFrame, type Segment } from '../../../src/workshop/network/packet.ts';
import { GUEST, HOST } from '../../../src/workshop/network/index.ts';
import { seeded } from '../../support/random.ts';
import { datagram, paperGuest, type PaperGuest } from './paper-guest.ts';

function bytesOf(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

function turned(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toReversed());
}

function opening(fromPort: number): Segment {
  const ports = { from: GUEST, to: HOST, fromPort, toPort: 80 };
  return { ...ports, seq: 9, ack: 0, flags: SYN, window: 1_000, mss: 1_000, payload: Buffer.alloc(0) };
}

describe('the network of a guest', () => {
  let guest: PaperGuest | undefined;
  afterEach(() => guest?.close());

  /** Reads all, then says it back from behind. */
  const mirror = async (connection: Duplex): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of connection) chunks.push(chunk as Buffer);
    connection.end(turned(Buffer.concat(chunks)));
  };

  for (const loss of [0, 0.05, 0.2]) {
    it(`carries every byte both ways, in order, with ${loss * 100} % of the frames lost`, async () => {
      const random = seeded(7);
      guest = paperGuest({ ports: { 80: (one) => void mirror(one) }, refused: () => undefined }, () => random() < loss);
      for (const size of [0, 1, 1_460, 1_461, 90_000]) {
        const sent = bytesOf(size, random);
        const received = await guest.exchange(sent);
        assert.deepEqual(received && turned(received), sent, `${size} bytes`);
      }
    });
  }

  it('takes no more than its window while nobody reads, and all of it once somebody does', async () => {
    let stream: Duplex | undefined;
    guest = paperGuest({ ports: { 80: (one) => (stream = one) }, refused: () => undefined });
    const sent = bytesOf(200_000, seeded(3));
    const exchanged = guest.exchange(sent);
    const windows = (): number[] =>
      (guest?.frames ?? []).flatMap((frame) => {
        const packet = parsePacket(frame);
        return packet?.kind === 'tcp' ? [packet.segment.window] : [];
      });
    await eventually(() => windows().at(-1) === 0);
    assert.ok((stream?.readableLength ?? 0) <= 65_535);
    void mirror(stream ?? assert.fail('nobody came'));
    assert.deepEqual(turned((await exchanged) ?? Buffer.alloc(0)), sent);
  });

  it('gives the guest its address, itself as the way out, and no other names', () => {
    guest = paperGuest({ ports: {}, refused: () => undefined });
    const question = Buffer.alloc(244);
    question.set([1, 1, 6, 0, 1, 2, 3, 4]);
    question.writeUInt32BE(0x6382_5363, 236);
    question.set([53, 1, 1, 255], 240);
    guest.send(datagram(67, question));
    return eventually(() => {
      const answer = guest?.frames.map(parsePacket).find((packet) => packet?.kind === 'udp');
      if (answer?.kind !== 'udp') return false;
      const { payload } = answer.datagram;
      assert.deepEqual([...payload.subarray(4, 8)], [1, 2, 3, 4]);
      assert.equal([...payload.subarray(16, 20)].join('.'), GUEST);
      assert.equal(payload[242], 2, 'an offer');
      assert.ok(
        payload.includes(Buffer.from([3, 4, 10, 0, 2, 2])) && payload.includes(Buffer.from([6, 4, 10, 0, 2, 2])),
      );
      return true;
    });
  });

  it('threat 38: a guest reaches no port of this host, and nothing beyond it', async () => {
    const asked: string[] = [];
    const hosts: string[] = [];
    let reached = 0;
    const host = createServer(() => (reached += 1)).listen(0, '127.0.0.1');
    await once(host, 'listening');
    const address = host.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    guest = paperGuest({
      ports: { 80: () => undefined },
      refused: (what, host) => {
        asked.push(what);
        hosts.push(host);
      },
    });
    for (const to of [HOST, '127.0.0.1', '10.0.2.3', '192.168.1.1', '169.254.169.254', '203.0.113.9'])
      assert.equal(await guest.exchange(Buffer.from('x'), { to, port }), null, to);
    guest.send(datagram(53, Buffer.alloc(20), '203.0.113.9'));
    await eventually(() => asked.length === 7);
    assert.equal(asked[0], `tcp ${HOST}:${port}`);
    assert.equal(asked[6], 'udp 203.0.113.9:53');
    assert.deepEqual([hosts[0], hosts[6]], [HOST, '203.0.113.9']);
    assert.equal(reached, 0);
    host.close();
  });

  it('threat 38: frames that are cut short, lie about their length or are no frames do no harm', async () => {
    const random = seeded(11);
    const requests: GuestRequest[] = [];
    const files = createFileServer((request) => requests.push(request));
    files.serve('a', 'hello');
    guest = paperGuest({ ports: { 80: (one) => files.take(one) }, refused: () => undefined });
    const mac = Buffer.alloc(6);
    const good = tcpFrame(mac, mac, {
      ...opening(5),
      payload: Buffer.from('abc'),
    });
    for (let round = 0; round < 3_000; round += 1) {
      const frame = Buffer.from(good.subarray(0, Math.floor(random() * good.length)));
      const bent = Buffer.concat([frame, bytesOf(Math.floor(random() * 40), random)]);
      if (bent.length > 0) bent[Math.floor(random() * bent.length)] = Math.floor(random() * 256);
      guest.send(bent);
    }
    // One that claims more than any frame has is skipped, however long it takes to come.
    guest.send(Buffer.alloc(70_000, 1));
    const answer = await guest.exchange(Buffer.from('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nhello$/);
    assert.deepEqual(requests, [{ outcome: 'served', host: HOST, what: 'a', sizeBytes: 5 }]);
    files.close();
  });

  it('threat 38: a length that no machine writes is the end of the cable, and nothing is gathered up for it', async () => {
    const [ours, cable] = duplexPair();
    const ended = once(cable, 'close');
    plugIn(cable, () => assert.fail('that is no frame'));
    ours.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    await ended;
  });

  it('has room for so many connections, and refuses one more', async () => {
    guest = paperGuest({ ports: { 80: () => undefined }, refused: () => undefined });
    const mac = Buffer.alloc(6);
    for (let port = 1; port <= CONNECTIONS_MOST; port += 1) guest.send(tcpFrame(mac, mac, opening(port)));
    assert.equal(await guest.exchange(Buffer.from('x')), null);
    const resets = guest.frames
      .map(parsePacket)
      .filter((one) => one?.kind === 'tcp' && (one.segment.flags & RST) !== 0);
    assert.equal(resets.length, 1);
  });

  it('serves the files of this moment under their names, and says what else was asked for', async () => {
    const log = createRequestLog();
    const files = createFileServer((request) => log.add(request));
    files.serve('d-i/bookworm/preseed.cfg', 'first');
    guest = paperGuest({ ports: { 80: (one) => files.take(one) }, refused: () => undefined });
    const get = async (line: string): Promise<string> =>
      String(await guest?.exchange(Buffer.from(`${line} HTTP/1.0\r\n\r\n`)));
    assert.match(await get('GET /d-i/bookworm/./preseed.cfg?x=1'), /200 OK[\s\S]*first$/);
    files.serve('d-i/bookworm/preseed.cfg', 'second');
    assert.match(await get('GET /d-i/bookworm/preseed.cfg'), /second$/);
    assert.match(await get('HEAD /d-i/bookworm/preseed.cfg'), /Content-Length: 6\r\n[\s\S]*\r\n\r\n$/);
    assert.match(await get('GET /../../etc/passwd'), /404/);
    assert.match(await get('GET /%00%1b[2J'), /404/);
    assert.match(await get('POST /d-i/bookworm/preseed.cfg'), /405/);
    assert.deepEqual(
      log.all.map(({ outcome, what }) => [outcome, what]),
      [
        ['served', 'd-i/bookworm/preseed.cfg'],
        ['served', 'd-i/bookworm/preseed.cfg'],
        ['missing', 'etc/passwd'],
        ['missing', '??[2J'],
      ],
    );
    files.close();
  });

  it('remembers so many requests and no more, and tells each place that is refused once', () => {
    const log = createRequestLog();
    const told: GuestRequest[] = [];
    log.onRequest((request) => told.push(request));
    log.add({ outcome: 'refused', host: '192.0.2.1', what: 'tcp 192.0.2.1:80' });
    log.add({ outcome: 'refused', host: '192.0.2.1', what: 'tcp 192.0.2.1:80' });
    assert.equal(told.length, 1);
    for (let count = 0; count < REQUESTS_MOST + 10; count += 1)
      log.add({ outcome: 'missing', host: 'y'.repeat(9_999), what: 'x'.repeat(9_999) });
    assert.equal(log.all.length, REQUESTS_MOST);
    assert.ok((log.all.at(-1)?.what.length ?? 0) <= 200);
    assert.ok((log.all.at(-1)?.host.length ?? 0) <= 200);
  });
});

async function eventually(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setImmediate(resolve));
}

import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { liveRows, openLiveScreen } from '../../../src/cli/take-over/live-screen.ts';
import { paperScreen } from '../../workshop/provision/paper-machine.ts';

const SIZE = { columns: 40, rows: 11 };

describe('a screen drawn live', () => {
  it('fits the terminal: the rows around the cursor where not all do, and our own line', () => {
    const screen = {
      ...paperScreen(Array.from({ length: 10 }, (_, row) => `row ${row}`)),
      cursor: { row: 8, column: 0 },
    };
    const rows = liveRows(screen, 'status', { columns: 3, rows: 5 });
    assert.deepEqual(rows.slice(0, -1), ['row', 'row', 'row', 'row']);
    assert.equal(liveRows(screen, 'status', { columns: 40, rows: 5 })[0], 'row 6');
    assert.match(rows.at(-1) ?? '', /sta/);
  });

  it('keeps the highlight, and lets nothing through that would command the terminal', () => {
    const screen = {
      ...paperScreen(['one \u001b[2Jtwo']),
      isHighlighted: (row: number, column: number) => row === 0 && column < 3,
    };
    assert.equal(liveRows(screen, '', SIZE)[0]?.trimEnd(), '\u001b[7mone\u001b[27m ·[2Jtwo');
  });

  it('draws what changed and no more, and gives the terminal back', () => {
    let written = '';
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        done();
      },
    });
    const live = openLiveScreen(output, () => SIZE);
    live.draw(paperScreen(['first', 'second']), 'status');
    written = '';
    live.draw(paperScreen(['first', 'changed']), 'status');
    assert.equal(written, '\u001b[2;1Hchanged\u001b[K');
    written = '';
    live.draw(paperScreen(['first', 'changed']), 'status');
    assert.equal(written, '');
    live.close();
    assert.ok(written.endsWith('\u001b[?1049l'));
  });
});

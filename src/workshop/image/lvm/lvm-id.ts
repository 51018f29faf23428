/** Rule `disk-id` in what LVM keeps of a group: ids, times and the checksums over them count as zero. Nothing else does. */

const SECTOR = 512;
const AREA_MAGIC = ' LVM2 x[5A%r0N*>';
const LOCATION_BYTES = 24;

/** `bytes` begin where the physical volume does, or where its second metadata area lies; they are changed in place. */
export function zeroLvmIds(bytes: Buffer): void {
  for (let at = 0; at + SECTOR <= bytes.length; at += SECTOR) {
    const sector = bytes.subarray(at, at + SECTOR);
    if (sector.toString('latin1', 0, 8) === 'LABELONE') {
      const start = sector.readUInt32LE(20);
      if (start + 32 > SECTOR) continue;
      sector.fill(0, 16, 20).fill(0, start, start + 32);
    } else if (sector.toString('latin1', 4, 20) === AREA_MAGIC) {
      sector.fill(0, 0, 4);
      for (let location = 40; location + LOCATION_BYTES <= SECTOR; location += LOCATION_BYTES) {
        sector.fill(0, location + 16, location + 20);
      }
    }
  }
  // Texts that are no longer in force lie in the area too. Each match keeps its length: what follows stays where it is.
  const text = bytes
    .toString('latin1')
    .replaceAll(
      /(\bid = ")([A-Za-z0-9!#]{6}(?:-[A-Za-z0-9!#]{4}){5}-[A-Za-z0-9!#]{6})(")/g,
      (_, before: string, id: string, after: string) => before + id.replaceAll(/[^-]/g, '0') + after,
    )
    .replaceAll(
      /(\bcreation_time = )(\d{1,15})/g,
      (_, before: string, time: string) => before + '0'.repeat(time.length),
    );
  bytes.write(text, 'latin1');
}

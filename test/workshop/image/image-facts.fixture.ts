/** What a builder would say about an image. */
import { sha256 } from '../../../src/crypto/digest.ts';
import { formatManifest, type ImageFacts, type Manifest } from '../../../src/workshop/image/index.ts';

export const FACTS: ImageFacts = {
  recipeName: 'fixture',
  recipe: sha256('recipe'),
  resolved: sha256('resolved'),
  lock: sha256('lock'),
  startedAt: '2024-01-01T00:00:00.000Z',
  finishedAt: '2024-01-01T00:10:00.000Z',
  machine: { arch: 'x86_64', cpus: 1, memoryMiB: 64 },
};

/** The manifest of a disk without file systems: one extent. */
export function extentManifest(disk: Uint8Array): Manifest {
  const path = `disk:0+${disk.length}`;
  return formatManifest([{ kind: 'extent', path, sizeBytes: disk.length, sha256: sha256(disk) }], sha256('no rules'));
}

/** A volume group that says of itself what cannot be: nothing of it is followed, and the person is told what. */
import { RefusedError } from '../../../errors.ts';

export function badVolumeGroup(where: string, why: string): RefusedError {
  return new RefusedError('image/bad-volume-group', `the LVM volume group in ${where} is not measured: ${why}`, {
    hint: 'check it with vgck(8) in the guest, or build again',
    facts: { where, why },
  });
}

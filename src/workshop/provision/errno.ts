/** Tells one error of the operating system from all others. */
export function isErrno(error: unknown, code: 'ENOENT' | 'EPERM'): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

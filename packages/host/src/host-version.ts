import { createRequire } from 'node:module';

/** The version of this package. */
export function hostVersion(): string {
  try {
    return (createRequire(import.meta.url)('@cortex-runtime/host/package.json') as { version: string }).version;
  } catch {
    return '0.0.0'; // bundled without its package
  }
}

import { resolveReferences, type Environment } from '@cortex-runtime/core';

/** What a program needs to run at all. Everything else of the host stays with the host: it holds the keys of all agents. */
const allowed = new Set([
  'PATH', 'HOME', 'LANG', 'LANGUAGE', 'TMPDIR', 'TMP', 'TEMP', 'TZ', 'SHELL', 'TERM', 'USER', 'LOGNAME',
  'SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'APPDATA', 'LOCALAPPDATA', 'USERPROFILE', 'USERNAME', 'HOMEDRIVE', 'HOMEPATH', 'PROGRAMFILES', 'PROCESSOR_ARCHITECTURE',
]);

const isAllowed = (name: string) => allowed.has(name.toUpperCase()) || /^LC_[A-Z]+$/.test(name);

/** The environment of a child: the allow-listed part of the host's, and what the configuration gives it. */
export function childEnvironment(environment: Environment, given: Readonly<Record<string, string>>, path: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of environmentEntries(environment)) if (isAllowed(name)) result[name] = value;
  for (const [name, value] of Object.entries(given)) result[name] = resolveReferences(value, environment, `${path}.${name}`);
  return result;
}

function environmentEntries(environment: Environment): [string, string][] {
  const entries = environment instanceof Map ? [...(environment as ReadonlyMap<string, string>)] : Object.entries(environment as Record<string, string | undefined>);
  return entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
}

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that some tests drive; those tests skip themselves, and say so, where the program is missing. */
const programs = [
  { program: 'strace', debian: 'strace', tests: 'the tests that kill the host at its k-th system call' },
  { program: 'faketime', debian: 'faketime', tests: 'the tests that set the clock of a running host' },
  { program: 'redis-server', debian: 'redis-server', tests: 'the tests of everything that speaks to Redis' },
  { program: 'openssl', debian: 'openssl', tests: 'the tests of signed webhooks from the README, and of Redis over TLS' },
  // Debian keeps the server's programs off the path.
  { program: 'postgres', debian: 'postgresql', tests: 'the tests of everything that speaks to PostgreSQL', folders: () => foldersBelow('/usr/lib/postgresql', 'bin') },
];

const foldersBelow = (folder, name) => (existsSync(folder) ? readdirSync(folder).map((version) => join(folder, version, name)) : []);
const isInstalled = ({ program, folders = () => [] }) => [...(process.env.PATH ?? '').split(delimiter), ...folders()].some((folder) => existsSync(join(folder, program)));

/** Installs what is missing where that is ours to do (Debian and its kin, as root); elsewhere says what to install and what is skipped without it. */
export function installSystemTools() {
  let missing = programs.filter((each) => !isInstalled(each));
  if (missing.length > 0 && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    const packages = missing.map(({ debian }) => debian);
    console.log(`Installing ${packages.join(', ')} with apt-get ...`);
    const apt = (...args) => spawnSync('apt-get', ['-qq', '-o', 'Acquire::Retries=2', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 120_000 }).status === 0;
    const install = () => apt('install', '-y', '--no-install-recommends', ...packages);
    if (!install() && apt('update')) install();
    missing = missing.filter((each) => !isInstalled(each));
  }
  for (const { program, debian, tests } of missing) console.log(`${program} is not installed: skipping ${tests}. To run them, install it (Debian: apt-get install ${debian}).`);
}

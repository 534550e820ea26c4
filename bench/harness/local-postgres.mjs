import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** Where Debian and its like keep the servers, which are not on the path. */
const debianPlace = '/usr/lib/postgresql';

function findBinaries() {
  const versions = existsSync(debianPlace) ? readdirSync(debianPlace).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debianPlace, version, 'bin')), ...(process.env.PATH ?? '').split(delimiter)];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (found === undefined) throw new Error('there is no PostgreSQL server on this machine: install one (Debian: apt-get install postgresql) and run again');
  return found;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** PostgreSQL refuses to run as root; there it runs as the user that its package made. */
function serverUser() {
  if (process.getuid?.() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A PostgreSQL server with its default settings on a free port, its data in `directory`. */
export async function startPostgres(directory) {
  const binaries = findBinaries();
  const data = join(directory, 'postgres');
  const user = serverUser();
  mkdirSync(data, { mode: 0o700 });
  if (user.uid !== undefined) chownSync(data, user.uid, user.gid);
  const options = { ...user, cwd: data, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  execFileSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C'], { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  const port = await freePort();
  const server = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`], { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr.setEncoding('utf8');
  const isReady = new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error(`PostgreSQL ended: ${log.slice(-2_000)}`)));
    server.stderr.on('data', (text) => {
      log = (log + text).slice(-10_000);
      if (log.includes('ready to accept connections')) resolve();
    });
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  process.once('exit', () => server.kill('SIGQUIT'));
  await isReady;
  const version = execFileSync(join(binaries, 'postgres'), ['--version'], { encoding: 'utf8' }).replace(/^.*?(\d+\.\d+).*$/s, '$1');
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/bench`,
    version,
    pid: server.pid,
    async stop() {
      server.kill('SIGINT');
      await ended;
    },
  };
}

// The last test of a bundle: whatever still holds its process open a while after it is named, and the process ends.
// node:test waits for that itself, until the bundle's limit of time, and then counts all of its tests as failed.
import { test } from 'node:test';

/** To be called after every test of this process is declared. */
export function endsWithin(ms) {
  test('this process ends after its tests', () => {
    setTimeout(() => {
      const held = process._getActiveHandles().map(nameOf).concat(process._getActiveRequests().map(kindOf));
      console.error(`UNSTEADY: after its tests this process was held open by ${held.join(', ') || resources()}`);
      process.exit(); // its tests, as far as they failed, set the status
    }, ms).unref();
  });
}

const resources = () => process.getActiveResourcesInfo().join(', ');
const kindOf = (one) => one?.constructor?.name ?? typeof one;

/** With what tells it from others of its kind: where it leads, or what it runs. */
function nameOf(handle) {
  const { localPort, remoteAddress, remotePort, spawnargs, fd } = handle;
  const where = remotePort ? `${localPort} to ${remoteAddress}:${remotePort}` : (handle.address?.()?.port ?? fd);
  return [kindOf(handle), spawnargs?.join(' ') ?? where].filter((part) => part !== undefined).join(' ');
}

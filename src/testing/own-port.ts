/** Ports that belong to this process: while nothing listens on one of them, connections are refused by nobody else. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below the ports from which systems choose: 32768 and higher (Linux), 49152 and higher (elsewhere). */
const FIRST = 10_000;
const BLOCKS = 100;
const BLOCK_PORTS = 200;

let claimed: Promise<number> | undefined;
let used = 0;

/** A port on 127.0.0.1 that is free now, and that no other process asks for that uses this function. */
export async function ownPort(): Promise<number> {
  claimed ??= claimBlock();
  const block = await claimed;
  for (let attempts = 1; attempts < BLOCK_PORTS; attempts++) {
    used = (used % (BLOCK_PORTS - 1)) + 1;
    const port = block + used;
    const server = await listening(port);
    if (server === undefined) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`No port is free from ${block} to ${block + BLOCK_PORTS - 1}`);
}

/** A block is ours for as long as we listen on its first port: until this process ends. */
async function claimBlock(): Promise<number> {
  for (let attempt = 0; attempt < BLOCKS; attempt++) {
    const block = FIRST + ((process.pid + attempt) % BLOCKS) * BLOCK_PORTS;
    if ((await listening(block))?.unref() !== undefined) return block;
  }
  throw new Error('Every block of ports is claimed');
}

/** @returns undefined when somebody else listens there. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return server;
  } catch {
    return undefined;
  }
}

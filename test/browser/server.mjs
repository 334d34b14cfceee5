// Starts one browser for all scripts, prints the address by which they reach it, and ends it when its input ends.
import { chromium } from 'playwright-core';
import { options } from './options.mjs';

const server = await chromium.launchServer({ ...options(), host: '127.0.0.1' });
console.log(server.wsEndpoint());
process.stdin.resume();
process.stdin.on('end', async () => {
  await server.close();
  process.exit(0);
});

// How Chromium is started.

/** options start Debian's Chromium. Its sandbox cannot be had by root. */
export function options() {
  return {
    executablePath: process.env.TWINSPAN_CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid() !== 0,
    args: ['--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'],
  };
}

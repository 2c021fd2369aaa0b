// Drives a real browser for tests: a JSON value a line on stdin is done, and answered by one on stdout.
// node browser.mjs <folder with node_modules> <chromium>

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, executablePath] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Longer than anything takes on a busy machine; whoever waits in vain is told what the page has instead.
const TIMEOUT_MS = 60_000;

const browser = await chromium.launch({ executablePath, args: ['--disable-dev-shm-usage', '--disable-gpu'] });
let context, page, errors, bytes, scheme = 'light', size = { width: 1440, height: 900 };

async function fresh(javaScriptEnabled) {
  await context?.close();
  context = await browser.newContext({ javaScriptEnabled, viewport: size, colorScheme: scheme, reducedMotion: 'reduce' });
  context.setDefaultTimeout(TIMEOUT_MS);
  page = await context.newPage();
  errors = [];
  bytes = 0;
  page.on('console', (said) => said.type() === 'error' && errors.push(`console: ${said.text()}`));
  page.on('pageerror', (error) => errors.push(`script: ${error.message}`));
  page.on('response', (got) => got.status() >= 400 && errors.push(`${got.status()}: ${got.url()}`));
  page.on('requestfailed', (failed) => {
    const why = failed.failure()?.errorText ?? '';
    // A stream or a load that the next page put an end to.
    if (why !== 'net::ERR_ABORTED') errors.push(`${why}: ${failed.url()}`);
  });
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  network.on('Network.loadingFinished', (done) => { bytes += done.encodedDataLength; });
}

function found({ selector, text }) {
  const all = page.locator(selector);
  return (text === undefined ? all : all.filter({ hasText: text })).first();
}

const deeds = {
  fresh: ({ javascript }) => fresh(javascript),
  open: async ({ url }) => {
    bytes = 0;
    const answer = await page.goto(url, { waitUntil: 'load' });
    return answer?.status() ?? 0;
  },
  size: async ({ width, height }) => { size = { width, height }; await page.setViewportSize(size); },
  scheme: async (step) => { scheme = step.scheme; await page.emulateMedia({ colorScheme: scheme }); },
  see: async (step) => { await found(step).waitFor({ state: 'visible' }); return found(step).innerText(); },
  gone: (step) => found(step).waitFor({ state: 'detached' }),
  click: (step) => found(step).click(),
  fill: (step) => found(step).fill(step.value),
  value: (step) => found(step).inputValue(),
  focus: (step) => found(step).focus(),
  // Wherever that is: on the page, or beside it.
  tap: ({ x, y }) => page.mouse.click(x, y),
  press: ({ key }) => page.keyboard.press(key),
  texts: ({ selector }) => page.locator(selector).allInnerTexts(),
  attributes: ({ selector, name }) => page.locator(selector).evaluateAll((all, name) => all.map((one) => one.getAttribute(name)), name),
  address: () => page.url(),
  // How many columns of pixels there are to the right of the window.
  overflow: () => page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth),
  faults: async () => {
    await page.evaluate(axe);
    const told = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    const grave = told.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    return grave.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 200)}: ${node.failureSummary}`));
  },
  errors: () => errors.splice(0),
  bytes: () => bytes,
  picture: async ({ path, whole }) => { await page.screenshot({ path, fullPage: whole, animations: 'disabled' }); },
};

await fresh(true);
for await (const line of createInterface({ input: process.stdin })) {
  const { deed, ...step } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await deeds[deed](step)) ?? null };
  } catch (error) {
    const shown = await page.locator('body').innerText({ timeout: 5000 }).catch(() => '');
    answer = { error: `${error.message}\n--- ${page.url()}\n${shown}\n--- ${errors.join('\n')}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();

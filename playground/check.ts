/**
 * Plays with the page in a real Chromium, whose path is the first argument: an outage and a deploy by keyboard, what the
 * page says of them, light and dark, wide and narrow. A second argument is a directory for pictures.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const [executablePath = 'chromium', pictures] = process.argv.slice(2);

/** A busy machine may take long; nothing is waited for longer than it takes. */
const PATIENCE_MILLIS = 45_000;
const NARROW = { width: 390, height: 844 };
const WIDE = { width: 1_440, height: 900 };

const playground = spawn(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), '--port', '0'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const [line] = await once(playground.stdout.setEncoding('utf8'), 'data');
const address = /http:\/\/localhost:\d+/.exec(line)?.[0] ?? assert.fail(`no address in ${line}`);

const browser = await chromium.launch({
  executablePath,
  // Chromium's sandbox is not made for root, as which containers run.
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
const page = await browser.newPage({ viewport: WIDE, colorScheme: 'light' });
page.setDefaultTimeout(PATIENCE_MILLIS);
const complaints: string[] = [];
page.on('console', (message) => {
  if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
});
page.on('pageerror', (error) => complaints.push(String(error)));
page.on('request', (request) => {
  const isOwn = request.url().startsWith(address) || request.url().startsWith('data:');
  if (!isOwn) complaints.push(`asks for ${request.url()}`);
});

const card = (side: 'stock' | 'spillway') => page.locator(`#verdict-${side}`);
const number = async (side: 'stock' | 'spillway', place: string) =>
  Number((await card(side).locator(`.${place} dd`).textContent())?.replaceAll(',', ''));
const logged = async (side: 'stock' | 'spillway') =>
  Number(
    /([\d,]+) logged/.exec((await card(side).locator('.now').textContent()) ?? '')?.[1]?.replaceAll(',', ''),
  );
/** The newest entry is on top. */
const told = (text: string | RegExp) => page.locator('#timeline li').filter({ hasText: text }).first();
const picture = async (name: string) => {
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`) });
};

async function step(name: string, play: () => Promise<unknown>): Promise<void> {
  const startMillis = performance.now();
  try {
    await play();
  } catch (error) {
    console.error(`FAILED ${name}\n${error}`);
    console.error((await page.locator('#timeline li').allTextContents()).join('\n'));
    throw error;
  }
  console.log(`ok     ${name} (${((performance.now() - startMillis) / 1_000).toFixed(1)} s)`);
}

async function play(): Promise<void> {
  await step('both sides log, and what they log arrives', async () => {
    await page.goto(address);
    await page.getByRole('heading', { level: 1 }).waitFor();
    for (const side of ['stock', 'spillway'] as const) {
      await card(side).getByText('process 1 is up').waitFor();
      await page.waitForFunction(
        (id) => Number(document.querySelector(`#${id} .delivered dd`)?.textContent?.replace(',', '')) > 1_000,
        `verdict-${side}`,
      );
    }
    assert.equal(await page.locator('canvas').count(), 8);
    assert.equal(await page.getByRole('log').count(), 1);
  });

  await step('the keyboard leads to every control, and what has the focus is seen', async () => {
    const reached: string[] = [];
    for (let press = 0; press < 14; press++) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(() => {
          const element = document.activeElement as HTMLElement;
          const name = element.closest('label')?.textContent ?? element.textContent ?? '';
          const shown = element.closest('label') ?? element;
          const { outlineStyle, outlineWidth } = getComputedStyle(shown);
          return `${name.trim()}${outlineStyle === 'none' || outlineWidth === '0px' ? ' (unseen)' : ''}`;
        }),
      );
    }
    const wanted = [
      'Skip the controls',
      'Start afresh',
      'Well',
      'Play a 10 s outage',
      '1,000',
      'Burst',
      'Deploy',
      'Kill',
      'Off',
    ];
    assert.deepEqual(reached.slice(0, wanted.length), wanted);
    assert.ok(reached.includes('Records'), `the unit of the chart is not reached: ${reached}`);
  });

  await step('five seconds of an outage, made by keyboard: stock loses, otel-spillway waits', async () => {
    await page.getByRole('radio', { name: 'Well' }).focus();
    // Around the corner.
    await page.keyboard.press('ArrowLeft');
    assert.ok(await page.getByRole('radio', { name: 'Dead' }).isChecked());
    await told('The collector is dead').waitFor();
    await told(/Breaker opened after \d+ failed requests: ECONNREFUSED\. Asks again in/).waitFor();
    await told(/The queue is full \(2,048 records\): [\d,]+ records dropped/).waitFor();
    await card('spillway')
      .getByText(/open, asks again in \d/)
      .waitFor();
    await card('stock')
      .getByText(/^[\d,]+ lost$/)
      .waitFor();
    await page.waitForTimeout(1_500);
    await picture('outage');
    assert.equal(await number('spillway', 'lost'), 0);
    assert.ok((await number('spillway', 'waiting')) > 1_000);
    assert.equal(await card('spillway').locator('.headline').textContent(), 'Nothing lost');
  });

  await step('the collector is back: the breaker closes, and all that waited is delivered', async () => {
    await page.keyboard.press('ArrowRight');
    await told('The collector is well').waitFor();
    await told('Breaker closed: the collector answers again').waitFor();
    await told(/Caught up .* Nothing was lost/).waitFor();
    assert.equal(await number('spillway', 'lost'), 0);
    assert.ok((await number('stock', 'lost')) > 0);
  });

  await step('a deploy by keyboard: the next process is up, and nothing is lost by it', async () => {
    await page.getByRole('button', { name: 'Deploy' }).focus();
    await page.keyboard.press('Enter');
    for (const side of ['stock', 'spillway'] as const)
      await card(side).getByText('process 2 is up').waitFor();
    await told(/Ended [\d.]+ s after SIGTERM\. Nothing was lost/).waitFor();
    assert.equal(await number('spillway', 'lost'), 0);
  });

  await step(
    'a burst and each illness of the collector are told, and cost otel-spillway nothing',
    async () => {
      const lostBefore = await number('stock', 'lost');
      await page.getByRole('button', { name: 'Burst' }).click();
      await told('A burst: 20,000 records').waitFor();
      await page.waitForFunction(
        (before) =>
          Number(document.querySelector('#verdict-stock .lost dd')?.textContent?.replace(',', '')) >
          before + 5_000,
        lostBefore,
      );
      for (const [name, text] of [
        ['Slow', 'The collector is slow'],
        ['Flaky', 'The collector is flaky'],
        ['Sick', 'The collector is sick'],
        ['Limited', 'The collector limits the rate'],
        ['Small', 'The collector has become small'],
        ['Well', 'The collector is well'],
      ] as const) {
        await page.getByRole('radio', { name }).check();
        await told(text).waitFor();
        await page.waitForTimeout(1_500);
      }
      assert.equal(await number('spillway', 'lost'), 0);
    },
  );

  await step('an outage during a deploy, with a spool: what waits is on disk, and is sent', async () => {
    await page.getByRole('radio', { name: 'Overflow' }).check();
    for (const side of ['stock', 'spillway'] as const)
      await card(side).getByText('process 3 is up').waitFor();
    await page.getByRole('radio', { name: 'Dead' }).check();
    await card('spillway')
      .getByText(/open, asks again in \d/)
      .waitFor();
    await page.getByRole('button', { name: 'Deploy' }).click();
    await told(/Ended [\d.]+ s after SIGTERM\. Nothing was lost\. On disk: [\d,]+ records/).waitFor();
    await told(/Took over [\d,]+ records/).waitFor();
    assert.ok((await number('spillway', 'onDisk')) > 0);
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture('on-disk-dark');
    await page.getByRole('radio', { name: 'Well' }).check();
    await told('The disk is empty again').waitFor();
    // Until then the other side may still be ending.
    for (const side of ['stock', 'spillway'] as const)
      await card(side).getByText('process 4 is up').waitFor();
  });

  await step('at rest the collector has every record that otel-spillway was given', async () => {
    await page.getByRole('radio', { name: '0', exact: true }).check();
    await page.waitForFunction(() =>
      ['stock', 'spillway'].every(
        (side) => document.querySelector(`#verdict-${side} .waiting dd`)?.textContent === '0',
      ),
    );
    await page.waitForTimeout(500);
    const total = await logged('spillway');
    assert.ok(total > 5_000);
    assert.equal(await number('spillway', 'delivered'), total);
    assert.equal(await number('spillway', 'lost'), 0);
    assert.equal(await logged('stock'), total);
    assert.equal((await number('stock', 'delivered')) + (await number('stock', 'lost')), total);
  });

  await step('a process that is killed has lost what it had in memory, and the next one is up', async () => {
    await page.getByRole('radio', { name: '100', exact: true }).check();
    await page.getByRole('button', { name: 'Kill' }).click();
    for (const side of ['stock', 'spillway'] as const)
      await card(side).getByText('process 5 is up').waitFor();
    await told(/Killed, with [\d,]+ records? waiting in memory\./).waitFor();
  });

  await step('dark and narrow: nothing is wider than the page, and letters can be read', async () => {
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const viewport of [NARROW, WIDE]) {
        await page.setViewportSize(viewport);
        await page.waitForTimeout(500);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(width, viewport.width);
        await picture(`${colorScheme}-${viewport.width}`);
      }
      assert.deepEqual(await unreadable(page), []);
    }
  });

  await step('a fresh start has nothing of what was before', async () => {
    await page.getByRole('button', { name: 'Start afresh' }).click();
    for (const side of ['stock', 'spillway'] as const)
      await card(side).getByText('process 1 is up').waitFor();
    await told('The service is up, twice').waitFor();
    assert.ok((await logged('spillway')) < 5_000);
    assert.ok(await page.getByRole('radio', { name: 'Off' }).isChecked());
    assert.equal(await page.locator('#timeline li').last().locator('time').textContent(), '0:00');
  });

  await step('nothing was wrong on the console, and nobody else was asked', async () => {
    assert.deepEqual(complaints, []);
  });
}

/** Texts with less than 4.5 to 1 between letters and what is behind them. */
function unreadable(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string) => {
      const [red = 0, green = 0, blue = 0] = channels(colour).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element | null): string => {
      if (element === null) return 'rgb(255, 255, 255)';
      const { backgroundColor } = getComputedStyle(element);
      return channels(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
    };
    const poor: string[] = [];
    for (const element of document.querySelectorAll(
      'h1, h2, h3, p, dt, dd, li *, label, legend, button, span, code',
    )) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
      if (!own || element.getAttribute('aria-disabled') === 'true') continue;
      const [letters, ground] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
      const contrast = (Math.max(letters, ground) + 0.05) / (Math.min(letters, ground) + 0.05);
      if (contrast < 4.5) poor.push(`${contrast.toFixed(2)}: ${element.textContent?.trim().slice(0, 40)}`);
    }
    return poor;
  });
}

try {
  await play();
} catch {
  // It has been said which step failed.
  process.exitCode = 1;
} finally {
  await browser.close();
  playground.kill('SIGTERM');
}

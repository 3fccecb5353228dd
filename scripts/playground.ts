/** `npm run playground`: installs what its page needs when it is first used, and serves it. */
import { installed } from './tools.ts';

await installed('playground', 'uplot', ['--omit=dev']);
await import('../playground/main.ts');

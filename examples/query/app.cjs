const pino = require('pino');

const logger = pino({ level: 'debug' });

logger.info({ order: { id: 42, items: 3 }, customer: 'c-17' }, 'order placed');
logger.warn({ order: { id: 43, items: 1 }, stock: 0 }, 'out of stock');
logger.error({ err: new Error('card declined'), order: { id: 44 } }, 'payment failed');
logger.debug({ cache: 'miss' }, 'price looked up');

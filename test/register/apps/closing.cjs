/** An application that ends by itself some time after the signal, and logs until then. */
const { pino } = require('pino');

const logger = pino();
const work = setInterval(() => {}, 1_000);
process.once('SIGTERM', () => {
  logger.info('closing');
  setTimeout(() => {
    logger.info('closed');
    clearInterval(work);
  }, 50);
});
logger.info('working');
process.send('logged');
process.disconnect();

/** The ends of a process, chosen by the first argument, and the name of a record, of which the second is the beginning. */
const [, , how, name] = process.argv;

exports.name = name;
exports.ends = () => {
  if (how === 'exit') process.exit(0);
  if (how === 'signal') {
    setInterval(() => {}, 1_000);
    process.send('logged');
    process.disconnect();
  }
};

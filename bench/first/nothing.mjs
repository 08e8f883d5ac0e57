// What the runtime takes before a program does anything.
console.log(JSON.stringify({ 'memory (MiB)': process.memoryUsage.rss() / 1_048_576 }));

using System.Diagnostics;
using System.Runtime.InteropServices;
using EcapaIlgpu.Cli;

// `timeout`, job schedulers and terminals signal a process and then its group: the same request, twice in a moment.
TimeSpan sameRequest = TimeSpan.FromSeconds(1);
long asked = 0;
using CancellationTokenSource interrupt = new();
// Once asks to finish the row at hand; whoever asks again means it, and the system's own way of ending the process takes over.
using PosixSignalRegistration onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration onTermination = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using CliConsole console = CliConsole.OfProcess();
return await CliProgram.RunAsync(args, console, interrupt.Token).ConfigureAwait(false);

void Stop(PosixSignalContext signal)
{
    long now = Stopwatch.GetTimestamp(), before = Interlocked.CompareExchange(ref asked, now, 0);
    if (before != 0 && Stopwatch.GetElapsedTime(before, now) > sameRequest)
        return;
    signal.Cancel = true;
    // Not on the signal's thread: what waits for the token may take a moment.
    _ = interrupt.CancelAsync();
}

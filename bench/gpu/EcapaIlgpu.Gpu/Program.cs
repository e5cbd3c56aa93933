using System.Reflection;
using EcapaIlgpu.Gpu;

// One file to carry: `cases` is the benchmark harness that compare.py drives, `compiler-cases` the compiler's tests, everything else is
// ecapa's.
return args switch
{
    ["compiler-cases", .. string[] rest] => CompilerCaseRun.Run(rest, Console.Out),
    ["cases", ..] => Main("EcapaIlgpu.Bench"),
    _ => Main("ecapa"),
};

// Both are programs of their own: what they do with their arguments is theirs alone.
int Main(string program) => (int)Assembly.Load(program).EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [args], null)!;

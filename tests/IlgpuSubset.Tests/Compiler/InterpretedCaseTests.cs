using ILGPU.Runtime;
using ILGPU.Tests.Cases;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests.Compiler;

/// <summary>Every construct, through the front end and all passes, on the reference interpreter.</summary>
public class InterpretedCaseTests
{
    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Compiles_to_what_the_host_computes(string name)
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(warpSize: 32).CreateAccelerator(context);
        CompilerCases.Get(name).Check(accelerator);
    }

    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Compiles_with_bounds_checks_to_the_same(string name)
    {
        using Context context = Context.Create().Assertions().ToContext();
        using Accelerator accelerator = new InterpreterDevice(warpSize: 8).CreateAccelerator(context);
        CompilerCases.Get(name).Check(accelerator);
    }

    [Theory]
    [MemberData(nameof(CompilerCases.Names), MemberType = typeof(CompilerCases))]
    public void Structures_to_the_same(string name)
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(warpSize: 16, structured: true).CreateAccelerator(context);
        CompilerCases.Get(name).Check(accelerator);
    }
}

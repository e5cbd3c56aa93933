namespace ILGPU.Compiler.Ptx;

/// <summary>A kernel as PTX text, and what a launch of it must know.</summary>
/// <param name="Text">The module: one entry.</param>
/// <param name="EntryName">The name of the entry.</param>
/// <param name="StaticSharedBytes">Shared memory the module declares, which the driver adds to each launch by itself.</param>
/// <param name="AddedSharedBytes">Shared memory a launch must add to the dynamic amount its caller asks for.</param>
internal sealed record PtxModule(string Text, string EntryName, int StaticSharedBytes, int AddedSharedBytes);

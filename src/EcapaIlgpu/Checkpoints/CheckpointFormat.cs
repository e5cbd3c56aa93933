namespace EcapaIlgpu.Checkpoints;

/// <summary>The container of a checkpoint, recognised by its content whatever the file is called.</summary>
public enum CheckpointFormat
{
    /// <summary>PyTorch 1.6 and later: a zip archive of a pickle and one file per storage.</summary>
    PyTorchZip,

    /// <summary>PyTorch before 1.6: five pickles, then the storages.</summary>
    PyTorchLegacy,

    /// <summary>safetensors: a JSON header, then the tensors.</summary>
    Safetensors,
}

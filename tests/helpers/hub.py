"""A hub of models in a folder."""

import shutil
import types


def hub_in(folder):
    """Returns a module that stands for huggingface_hub, with its repositories in the folder."""

    class HfApi:
        def create_repo(self, repo_id, exist_ok):
            assert exist_ok
            (folder / repo_id).mkdir(parents=True, exist_ok=True)

        def upload_folder(self, repo_id, folder_path, revision):
            assert revision is None
            shutil.copytree(folder_path, folder / repo_id, dirs_exist_ok=True)

    def snapshot_download(repo_id, revision, allow_patterns):
        assert allow_patterns == ["config.json", "*.safetensors"]
        if not (folder / repo_id).is_dir():
            raise RuntimeError(f"404 Client Error\n\nno {repo_id}")
        return str(folder / repo_id)

    module = types.ModuleType("huggingface_hub")
    module.HfApi, module.snapshot_download = HfApi, snapshot_download  # pyright: ignore[reportAttributeAccessIssue]
    return module
